/** What stands for an application that builds its store: `rebuild-child.ts <folder> <options as JSON>`. */
import { writeStore, type StoreOptions } from './store.ts';

const [folder = '', options = '{}'] = process.argv.slice(2);
await writeStore(folder, JSON.parse(options) as StoreOptions);
