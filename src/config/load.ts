/** Reads lifeboat.yaml into an Appliance, or says every problem at once with file and line. */
import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';
import { explainIssues, lineOf, type Problem } from './explain.ts';
import { configuration, type Configuration } from './schema/configuration.ts';
import { toAppliance } from './to-appliance.ts';
import { crossCheck } from './cross-check.ts';
import { syntaxProblems } from './syntax.ts';
import { inWords } from './words.ts';

export interface LoadedConfiguration {
  readonly appliance: Appliance;
  readonly file: string;
  readonly warnings: readonly string[];
}

export async function loadConfiguration(file: string): Promise<LoadedConfiguration> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const absent = code === 'ENOENT';
    throw new LifeboatError(
      absent ? 'NotFound' : 'ConfigInvalid',
      `cannot read the configuration \`${file}\`: ${code}`,
      {
        hint: absent
          ? 'write one with `lifeboat init`, or name it with --config FILE'
          : code === 'EISDIR'
            ? 'it is a folder: name the file'
            : 'check its permissions',
        cause: error,
      },
    );
  }
  return parseConfiguration(text, file);
}

export function parseConfiguration(text: string, file: string): LoadedConfiguration {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const syntax = syntaxProblems(text, document, lines);
  if (syntax.length > 0) throw invalid(file, syntax);

  const parsed = configuration.safeParse(document.toJS() ?? {}, { reportInput: true, error: inWords });
  if (!parsed.success) throw invalid(file, explainIssues(parsed.error.issues, document, lines));

  const { problems, warnings } = crossCheck(parsed.data);
  if (problems.length > 0) {
    throw invalid(
      file,
      problems
        .map(({ path, message }) => ({ line: lineOf(path, document, lines), path: path.join('.'), message }))
        .sort((a, b) => a.line - b.line),
    );
  }
  return { appliance: toAppliance(parsed.data satisfies Configuration), file, warnings };
}

function invalid(file: string, problems: readonly Problem[]): LifeboatError {
  const text = problems
    .map(({ line, path, message }) => `${file}:${line}: ${path === '' ? '' : `${path}: `}${message}`)
    .join('\n');
  return new LifeboatError('ConfigInvalid', text);
}
