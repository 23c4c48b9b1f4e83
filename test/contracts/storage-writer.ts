/** Child of the storage contract: commits objects in batches until it is killed, and tells each batch. */
import type { Storage } from '../../src/storage/storage.ts';

const [module = '', factory = '', place = '', round = '', size = '0'] = process.argv.slice(2);
const exported = (await import(module)) as Record<string, (place: string) => Storage>;
const storage = exported[factory]?.(place);
if (storage === undefined) throw new Error(`${module} does not export ${factory}`);
for (let batch = 0; ; batch += 1) {
  const staged = await Promise.all(
    Array.from({ length: 5 }, async (_, number) => {
      const key = `round-${round}/object-${batch}-${number}`;
      const object = await storage.stage(key);
      await object.append(Buffer.alloc(Number(size), key));
      return object;
    }),
  );
  process.stdout.write(`batch ${batch}\n`);
  await storage.commit(staged);
}
