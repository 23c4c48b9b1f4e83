/**
 * The workflow bundle, built in a child process (the bundler takes 300 MB that the worker need not carry) and cached by
 * the content of everything that goes into it.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
/** `.ts` in a clone, `.js` in the package. */
const extension = extname(fileURLToPath(import.meta.url));
const workflowsFolder = join(here, '..', 'workflows');
const domainFolder = join(here, '..', 'src', 'domain');

/** Path of the bundle's code, built if this content was never bundled before. */
export async function workflowBundle(cacheFolder: string): Promise<string> {
  const target = join(cacheFolder, `workflows-${(await contentHash()).slice(0, 16)}.js`);
  try {
    await access(target);
    return target;
  } catch {
    await mkdir(cacheFolder, { recursive: true });
    await promisify(execFile)(process.execPath, [fileURLToPath(import.meta.url), target], { maxBuffer: 16 * 2 ** 20 });
    return target;
  }
}

async function contentHash(): Promise<string> {
  const hash = createHash('sha256');
  const { version } = createRequire(import.meta.url)('@temporalio/worker/package.json') as { version: string };
  hash.update(`${version} ${process.version}`);
  for (const folder of [workflowsFolder, domainFolder]) {
    const names = await readdir(folder, { recursive: true });
    for (const name of names.filter((file) => extname(file) === extension).sort()) {
      hash.update(`\0${name}\0`).update(await readFile(join(folder, name)));
    }
  }
  return hash.digest('hex');
}

async function build(target: string): Promise<void> {
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(workflowsFolder, `index${extension}`),
    payloadConverterPath: join(workflowsFolder, `payload-converter${extension}`),
  });
  const temporary = `${target}.${process.pid}`;
  await writeFile(temporary, code);
  await rename(temporary, target);
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] !== undefined) await build(process.argv[2]);
