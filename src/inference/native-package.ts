/** FAISS and llama.cpp are optional peers of the package: who has no vectors or models need not install them. */
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { LifeboatError } from '../domain/errors.ts';
import { parseJson } from '../json/parse-json.ts';

type NativePackage = 'faiss-node' | 'node-llama-cpp';

/** Precondition with the npm command that repairs it, where the package is missing or was not built for this machine. */
export async function importNative<Result>(name: NativePackage, load: () => Promise<Result>): Promise<Result> {
  try {
    return await load();
  } catch (error) {
    throw packageProblem(name, error) ?? error;
  }
}

/** Undefined where the error tells nothing of the package itself: it may have met the memory limit. */
function packageProblem(name: NativePackage, error: unknown): LifeboatError | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = (error as NodeJS.ErrnoException).code ?? error.name;
  const isMissing = code === 'ERR_MODULE_NOT_FOUND' && error.message.includes(`'${name}'`);
  if (!isMissing && !buildProblems.has(code)) return undefined;
  const state = isMissing ? 'is not installed' : `was not built for this machine (${code})`;
  return new LifeboatError('Precondition', `the package \`${name}\` ${state}`, {
    hint: `run \`npm install ${name}@${wantedVersion(name)}\` where Lifeboat is installed`,
    cause: error,
  });
}

/** What loading ends with where the package was built for another system or libc, or was installed without its scripts. */
const buildProblems = new Set(['ERR_DLOPEN_FAILED', 'MODULE_NOT_FOUND', 'NoBinaryFoundError']);

/** Without it npm would take the newest, which this version of Lifeboat was never tried with. */
function wantedVersion(name: NativePackage): string {
  const path = findPackageJSON(import.meta.url);
  if (path === undefined) return 'latest';
  const { peerDependencies = {} } = parseJson(readFileSync(path, 'utf8')) as {
    peerDependencies?: Record<string, string>;
  };
  return peerDependencies[name] ?? 'latest';
}
