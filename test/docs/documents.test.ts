/** Documents that name what is not there mislead at the worst moment. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Command } from 'commander';
import { parseConfiguration } from '../../src/config/load.ts';
import { createProgram } from '../../src/cli/program.ts';
import { usage as demoUsage } from '../../src/dev/demo/options.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Draws layouts of bytes and keys, which no terminal shows. */
const layouts = 'docs/repository-format.md';
const documents = ['README.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: root })];

test('every test that the table of what was tried names is there', () => {
  const rows = readFileSync(join(root, 'docs/tried.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'));
  const named = rows.flatMap((row) =>
    [...(row.split('|').at(-2) ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  );
  expect(named.length).toBeGreaterThan(20);
  const isThere = (name: string): boolean =>
    ['test', 'root'].some((kind) => existsSync(join(root, 'test', `${name}.${kind}.ts`)));
  expect(named.filter((name) => !isThere(name))).toEqual([]);
});

describe.each(documents)('%s', (document) => {
  const text = readFileSync(join(root, document), 'utf8');

  test('every relative link leads to a file, and to a heading in it', () => {
    const dead = [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].flatMap(([, path = '', anchor]) => {
      const target = path === '' ? join(root, document) : join(root, dirname(document), path);
      if (!existsSync(target)) return [path];
      return anchor === undefined || anchorsOf(readFileSync(target, 'utf8')).includes(anchor)
        ? []
        : [`${path}#${anchor}`];
    });
    expect(dead).toEqual([]);
  });

  test('every `lifeboat` command line in it is one that the program knows', () => {
    const unknown = commandLines(text).filter((line) => !isKnown(createProgram(), line.split(/\s+/)));
    expect(unknown).toEqual([]);
  });

  test('every option that it names is one of the program or of the demo', () => {
    const known = new Set([...allOptions(createProgram()), ...demoUsage.split(/[\s,|]+/)]);
    const named = [...text.matchAll(/`(--[a-z-]+)[^`]*`/g)].map(([, option = '']) => option);
    expect(named.filter((option) => !known.has(option))).toEqual([]);
  });
});

test.each(documents.filter((document) => document !== layouts))('terminal text in %s fits 80 columns', (document) => {
  const text = readFileSync(join(root, document), 'utf8');
  const long = blocks(text, /^(?:sh|text|console)?$/).flatMap((block) =>
    block.split('\n').filter((line) => line.length > 80),
  );
  expect(long).toEqual([]);
});

test('the lifeboat.yaml that the guide builds piece by piece is one that Lifeboat accepts', () => {
  const pieces = blocks(readFileSync(join(root, 'docs/guides/own-appliance.md'), 'utf8'), /^yaml$/);
  const { appliance, warnings } = parseConfiguration(pieces.join('\n'), 'lifeboat.yaml');
  expect(appliance.components.map(({ kind }) => kind)).toEqual(['postgres', 'redis', 'vectorstore', 'models', 'files']);
  expect(warnings).toEqual([]);
});

function anchorsOf(markdown: string): string[] {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)];
  return headings.map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function blocks(markdown: string, language: RegExp): string[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, name = '', block = '']) =>
    language.test(name) ? [block] : [],
  );
}

/** What follows `lifeboat` in code: in inline code, and at the begin of a line of a block, also behind npm. */
function commandLines(markdown: string): string[] {
  const prose = markdown.replace(/^ *```[\s\S]*?^ *```$/gm, '');
  const inline = [...prose.matchAll(/`(?:npm run -s )?lifeboat(?: --)?( [^`]+)?`/g)];
  const lines = blocks(markdown, /^sh$/).flatMap((block) => [
    ...block.matchAll(/^(?:npm run -s )?lifeboat(?: --)?( .+)?$/gm),
  ]);
  return [...inline, ...lines]
    .map(([, line = '']) => line.replace(/\s+[#>|\\].*$/, '').trim())
    .filter((line) => line !== '' && line !== '--');
}

function allOptions({ options, commands }: Command): string[] {
  return [...options.map(({ long }) => long ?? ''), ...commands.flatMap(allOptions)];
}

/** Walks subcommands by name and looks every option up; values and arguments are free, `…` and `<command>` stand for anything. */
function isKnown(program: Command, words: readonly string[]): boolean {
  let command = program;
  const found = [program];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (word.startsWith('-') && word !== '--help' && word !== '--version') {
      const option = found.flatMap(({ options }) => options).find(({ long, short }) => long === word || short === word);
      if (option === undefined) return false;
      if (option.required || option.optional) at += 1;
      continue;
    }
    if (command.commands.length === 0 || /^(?:…|<.+>)$/.test(word) || word.startsWith('-')) continue;
    const next = command.commands.find((known) => known.name() === word);
    if (next === undefined) return false;
    command = next;
    found.push(next);
  }
  return true;
}
