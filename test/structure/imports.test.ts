/**
 * Imports point one way. Each folder names what it may import as values; types may also come from what is named under
 * `types`. docs/architecture.md draws the same picture.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

interface Rule {
  readonly values: readonly string[];
  readonly types?: readonly string[];
  /** Packages of Temporal. */
  readonly temporal?: boolean;
}

const below = ['config', 'storage', 'repository', 'inference', 'platform', 'drivers', 'notify'];

const rules: Readonly<Record<string, Rule>> = {
  domain: { values: [] },
  telemetry: { values: ['json'] },
  config: { values: ['domain'] },
  storage: { values: ['domain'] },
  programs: { values: [] },
  json: { values: [] },
  schema: { values: [] },
  inputs: { values: ['domain', 'schema'] },
  entries: { values: ['domain', 'json'] },
  threads: { values: ['domain'] },
  attributes: { values: ['domain', 'programs'] },
  repository: { values: ['domain', 'storage', 'attributes', 'json', 'programs', 'threads', 'entries'] },
  inference: { values: ['domain', 'json'] },
  platform: { values: ['domain', 'programs', 'json'] },
  drivers: {
    values: ['domain', 'programs', 'inference', 'attributes', 'json', 'threads', 'entries'],
    // What runs the engines hands them in; drivers know no platform.
    types: ['repository', 'src/platform/target.ts'],
  },
  notify: { values: ['domain', 'config'] },
  operations: { values: ['domain', ...below, 'json', 'telemetry'] },
  workflows: {
    values: ['src/domain/replayed.ts'],
    types: ['domain', 'drivers', 'activities', 'inputs'],
    temporal: true,
  },
  activities: { values: ['domain', 'operations', 'inputs'], types: [...below, 'workflows'], temporal: true },
  schedules: { values: ['domain', 'config'], temporal: true },
  client: {
    values: ['domain', 'config', 'inputs', 'schedules', 'json', 'workflows/message-names.ts'],
    types: ['drivers', 'activities', 'workflows'],
    temporal: true,
  },
  workers: {
    values: ['domain', ...below, 'operations', 'telemetry', 'activities', 'schedules', 'client'],
    temporal: true,
  },
  cli: {
    values: [
      'domain',
      'config',
      'storage',
      'repository',
      'operations',
      'telemetry',
      'client',
      'workers',
      'schedules',
      'json',
    ],
    types: ['drivers', 'workflows', 'inputs', 'notify'],
    temporal: true,
  },
  docs: { values: ['domain', 'config', 'cli', 'inputs', 'schema'] },
};

/** Imports everything and is imported by tests, set-up and demo only. */
const everything = 'dev';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Import {
  readonly file: string;
  /** Path below the root, or a package's name. */
  readonly target: string;
  readonly isType: boolean;
  /** Loaded when the line is reached. */
  readonly isLazy: boolean;
}

const imports = globSync('{src,workflows,activities,workers,schedules}/**/*.ts', { cwd: root }).flatMap(importsOf);
const inside = imports.filter(({ target }) => target.endsWith('.ts'));
const packages = imports.filter(({ target }) => !target.endsWith('.ts'));

describe('imports point one way', () => {
  test('every folder has a rule', () => {
    const folders = new Set(imports.map(({ file }) => folderOf(file)));
    expect([...folders].filter((folder) => folder !== everything && rules[folder] === undefined)).toEqual([]);
  });

  test.each(Object.entries(rules))('%s imports only what it may', (folder, { values, types = [] }) => {
    const mayImport = ({ target, isType }: Import): boolean =>
      folderOf(target) === folder ||
      [...values, ...(isType ? types : [])].some((allowed) => allowed === target || allowed === folderOf(target));
    const wrong = inside.filter((each) => folderOf(each.file) === folder && !mayImport(each));
    expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
  });

  test('the rules for values name no circle', () => {
    const reach = (folder: string, trail: readonly string[]): string[] => {
      if (trail.includes(folder)) return [[...trail, folder].join(' -> ')];
      return (rules[folder]?.values ?? []).flatMap((next) =>
        reach(next.endsWith('.ts') ? folderOf(next) : next, [...trail, folder]),
      );
    };
    expect(Object.keys(rules).flatMap((folder) => reach(folder, []))).toEqual([]);
  });

  test('one engine knows nothing of another: drivers share only driver.ts, swap/, folder/, files/ and attributes/', () => {
    const engineOf = (path: string): string | undefined =>
      /^src\/drivers\/(postgres|redis|vectorstore|models)\//.exec(path)?.[1];
    const wrong = inside.filter(
      ({ file, target }) =>
        engineOf(target) !== undefined && engineOf(file) !== engineOf(target) && folderOf(file) === 'drivers',
    );
    expect(wrong).toEqual([]);
  });

  test('Temporal is known to workflows, activities and what starts them, and to nothing below', () => {
    const wrong = packages.filter(
      ({ file, target }) =>
        target.startsWith('@temporalio/') && folderOf(file) !== everything && rules[folderOf(file)]?.temporal !== true,
    );
    expect(wrong).toEqual([]);
  });
});

test('commands load the schemas of inputs only when they start a run', () => {
  const loaded = new Set<string>();
  const load = (file: string): void => {
    if (loaded.has(file)) return;
    loaded.add(file);
    inside.filter((each) => each.file === file && !each.isType && !each.isLazy).forEach(({ target }) => load(target));
  };
  const commands = globSync('src/cli/commands/*.ts', { cwd: root });
  ['src/cli/program.ts', ...commands].forEach(load);
  expect(loaded.size).toBeGreaterThan(100);
  expect([...loaded].filter((file) => folderOf(file) === 'inputs')).toEqual([]);
});

/** Temporal's converter uses Node's: payloads have no names that an appliance chooses, but lists of them. */
test('JSON is parsed by src/json alone, because the JSON.parse of Node gives some names wrongly', () => {
  const wrong = globSync('{src,workflows,activities,workers,schedules}/**/*.ts', { cwd: root }).filter(
    (file) =>
      folderOf(file) !== 'json' && withoutComments(readFileSync(join(root, file), 'utf8')).includes('JSON.parse'),
  );
  expect(wrong).toEqual([]);
});

test('no files import one another in a circle, types included', () => {
  const targets = new Map<string, string[]>();
  for (const { file, target } of inside) targets.set(file, [...(targets.get(file) ?? []), target]);
  const circles: string[] = [];
  const done = new Set<string>();
  const follow = (file: string, trail: readonly string[]): void => {
    const at = trail.indexOf(file);
    if (at >= 0) circles.push([...trail.slice(at), file].join(' -> '));
    if (at >= 0 || done.has(file)) return;
    for (const target of targets.get(file) ?? []) follow(target, [...trail, file]);
    done.add(file);
  };
  for (const file of targets.keys()) follow(file, []);
  expect(circles).toEqual([]);
});

describe('what is replayed is pure', () => {
  test('workflows import no package but @temporalio/workflow and @temporalio/common', () => {
    const allowed = ['@temporalio/workflow', '@temporalio/common'];
    expect(packages.filter(({ file, target }) => folderOf(file) === 'workflows' && !allowed.includes(target))).toEqual(
      [],
    );
  });

  test('the domain imports no package and asks neither clock, chance, locale nor process', () => {
    expect(packages.filter(({ file }) => folderOf(file) === 'domain')).toEqual([]);
    const impure =
      /Date\.now|new Date\(\)|Math\.random|toLocale|\bIntl\.|\bprocess\.|\bperformance\.|\bcrypto\.|^let /m;
    const wrong = globSync('src/domain/**/*.ts', { cwd: root }).flatMap((file) => {
      const found = impure.exec(withoutComments(readFileSync(join(root, file), 'utf8')));
      return found === null ? [] : [`${file}: ${found[0]}`];
    });
    expect(wrong).toEqual([]);
  });
});

function importsOf(file: string): Import[] {
  const text = withoutComments(readFileSync(join(root, file), 'utf8'));
  const found: Import[] = [];
  for (const [, type, specifier = ''] of text.matchAll(
    /^(?:import|export)\s+(type\s)?(?:[\w*{}\s,$]+?\sfrom\s)?\s*'([^']+)'/gm,
  )) {
    found.push({ file, target: resolved(file, specifier), isType: type !== undefined, isLazy: false });
  }
  for (const [, specifier = ''] of text.matchAll(/\bimport\('([^']+)'\)/g))
    found.push({ file, target: resolved(file, specifier), isType: false, isLazy: true });
  return found;
}

function resolved(file: string, specifier: string): string {
  return specifier.startsWith('.') ? relative(root, join(root, dirname(file), specifier)) : specifier;
}

/** `src/x/…` is x, everything else its first folder. */
function folderOf(path: string): string {
  const [first = '', second = ''] = path.split('/');
  return first === 'src' ? second : first;
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}
