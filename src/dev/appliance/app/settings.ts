/** The companion's settings: one env file with its secrets, as the appliance keeps it. */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';

export interface Settings {
  readonly port: number;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly vectorstorePath: string;
  readonly modelPath: string;
  /** As the index names it. */
  readonly embeddingModelName: string;
  readonly sessionSeconds: number;
}

/** Throws, naming the key, where the file or a key is missing: a companion without its configuration does not start. */
export function readSettings(path: string | undefined): Settings {
  if (path === undefined) throw new Error('COMPANION_ENV_FILE is not set');
  const values = parseEnv(readFileSync(path, 'utf8'));
  const need = (name: string): string => {
    const value = values[name];
    if (value === undefined || value === '') throw new Error(`${name} is missing in ${path}`);
    return value;
  };
  return {
    port: Number(need('PORT')),
    databaseUrl: need('DATABASE_URL'),
    redisUrl: need('REDIS_URL'),
    vectorstorePath: need('VECTORSTORE_PATH'),
    modelPath: need('MODEL_PATH'),
    embeddingModelName: need('EMBEDDING_MODEL'),
    sessionSeconds: Number(need('SESSION_SECONDS')),
  };
}
