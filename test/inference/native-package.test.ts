/** Real installations without the optional peers: a copy of the source whose node_modules lacks them. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { folderTest as test } from '../support/folder-test.ts';
import { configOf, writeStore } from '../drivers/vectorstore/store.ts';
import { writeTinyModel } from './tiny-model.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

async function copyWithoutPeers(folder: string): Promise<void> {
  await cp(join(root, 'src'), join(folder, 'src'), { recursive: true });
  await cp(join(root, 'package.json'), join(folder, 'package.json'));
  const modules = join(root, 'node_modules');
  await mkdir(join(folder, 'node_modules'));
  for (const name of await readdir(modules)) {
    if (name !== 'faiss-node' && name !== 'node-llama-cpp')
      await symlink(join(modules, name), join(folder, 'node_modules', name));
  }
}

const script = `
import { createModelsDriver } from './src/drivers/models/driver.ts';
import { createVectorstoreDriver } from './src/drivers/vectorstore/driver.ts';
import { probeModel } from './src/inference/load-probe.ts';
import { createProcessTarget } from './src/platform/process/process-target.ts';
const { vectorstore, models, model } = JSON.parse(process.argv[2]);
const environment = { target: createProcessTarget(), stateDir: '/nowhere', secret: async () => undefined };
const refusal = await probeModel({ modelPath: model, memoryLimitBytes: 2 ** 30, component: 'models' }).catch((error) => error);
console.log(JSON.stringify({
  vectorstore: await createVectorstoreDriver(vectorstore, environment).check(),
  models: await createModelsDriver(models, environment).check(),
  refusal: { code: refusal.code, component: refusal.component, hint: refusal.hint },
}));
`;

test('without the optional packages doctor and probes name the command that installs them', async ({ folder }) => {
  const [tree, path] = [join(folder, 'tree'), join(folder, 'data')];
  await mkdir(tree);
  await copyWithoutPeers(tree);
  await writeStore(join(path, 'vectors'));
  await mkdir(join(path, 'models'));
  const model = join(path, 'models', 'tiny.gguf');
  await writeTinyModel(model);
  await writeFile(join(tree, 'script.mjs'), script);
  const vectorstore = configOf(join(path, 'vectors'));
  const models = { ...vectorstore, id: 'models', kind: 'models', path: join(path, 'models') };
  const argument = JSON.stringify({ vectorstore, models, model });
  const { stdout } = await run(process.execPath, ['--no-warnings', join(tree, 'script.mjs'), argument], { cwd: tree });
  const { peerDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    peerDependencies: Record<string, string>;
  };
  const hintOf = (name: string) => `run \`npm install ${name}@${peerDependencies[name]}\` where Lifeboat is installed`;
  expect(JSON.parse(stdout)).toEqual({
    vectorstore: [
      {
        name: 'vectorstore: vector store',
        level: 'fail',
        text: 'the package `faiss-node` is not installed',
        hint: hintOf('faiss-node'),
      },
      expect.objectContaining({ level: 'ok' }),
    ],
    models: [
      expect.objectContaining({ level: 'ok' }),
      {
        name: 'models: llama.cpp',
        level: 'fail',
        text: 'the package `node-llama-cpp` is not installed',
        hint: hintOf('node-llama-cpp'),
      },
      expect.objectContaining({ level: 'ok' }),
    ],
    refusal: { code: 'Precondition', component: 'models', hint: hintOf('node-llama-cpp') },
  });
});
