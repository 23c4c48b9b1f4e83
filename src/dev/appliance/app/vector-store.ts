/** The companion's vector store: a FAISS index, the lines in its order, and metadata, saved as three files. */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import faiss from 'faiss-node';
import { parseJson } from '../../../json/parse-json.ts';
import { decodeLines, encodeLines } from './pickle-lines.ts';

const indexName = 'faiss_index.faiss';
const linesName = 'faiss_index.pkl';
const metadataName = 'metadata.json';

export interface Hit {
  readonly id: number;
  readonly distance: number;
  readonly line: string;
}

export class VectorStore {
  readonly #folder: string;
  readonly #embeddingModel: string;
  readonly #index: InstanceType<typeof faiss.IndexFlatL2>;
  readonly #lines: string[];
  readonly #createdAt: string;

  private constructor(
    folder: string,
    embeddingModel: string,
    index: InstanceType<typeof faiss.IndexFlatL2>,
    lines: string[],
    createdAt: string,
  ) {
    this.#folder = folder;
    this.#embeddingModel = embeddingModel;
    this.#index = index;
    this.#lines = lines;
    this.#createdAt = createdAt;
  }

  static empty(folder: string, embeddingModel: string, dimension: number): VectorStore {
    return new VectorStore(folder, embeddingModel, new faiss.IndexFlatL2(dimension), [], new Date().toISOString());
  }

  /** Throws where a file is missing or the three do not agree. */
  static async load(folder: string): Promise<VectorStore> {
    const metadata = parseJson(await readFile(join(folder, metadataName), 'utf8')) as {
      embedding_model: string;
      created_at: string;
    };
    const lines = decodeLines(await readFile(join(folder, linesName)));
    const index = faiss.IndexFlatL2.read(join(folder, indexName));
    if (index.ntotal() !== lines.length)
      throw new Error(`${indexName} holds ${index.ntotal()} vectors, ${linesName} ${lines.length} lines`);
    return new VectorStore(folder, metadata.embedding_model, index, lines, metadata.created_at);
  }

  get size(): number {
    return this.#lines.length;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** In memory only; `save` makes it durable. */
  add(lines: readonly string[], vectors: readonly Float32Array[]): void {
    for (const vector of vectors) this.#index.add([...vector]);
    this.#lines.push(...lines);
  }

  search(vector: Float32Array, k: number): Hit[] {
    const { labels, distances } = this.#index.search([...vector], Math.min(k, this.size));
    return labels.map((id, index) => ({ id, distance: distances[index] ?? 0, line: this.#lines[id] ?? '' }));
  }

  /** Each file under a temporary name, made durable, then renamed: a reader sees old or new, never half. */
  async save(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const metadata = {
      identifier: 'default',
      embedding_model: this.#embeddingModel,
      document_count: this.size,
      created_at: this.#createdAt,
      last_updated: new Date().toISOString(),
    };
    const contents: [string, Buffer][] = [
      [linesName, encodeLines(this.#lines)],
      [metadataName, Buffer.from(`${JSON.stringify(metadata, undefined, 2)}\n`)],
      [indexName, this.#index.toBuffer()],
    ];
    for (const [name, content] of contents) await writeDurably(join(this.#folder, `.${name}.tmp`), content);
    for (const [name] of contents) await rename(join(this.#folder, `.${name}.tmp`), join(this.#folder, name));
    const folder = await open(this.#folder, 'r');
    await folder.sync();
    await folder.close();
  }
}

async function writeDurably(path: string, content: Buffer): Promise<void> {
  const file = await open(path, 'w', 0o640);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}
