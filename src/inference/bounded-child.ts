/**
 * A child process for native code that must not take the worker down: an index or a model that is damaged or too
 * large kills the child only. Requests go over Node's own channel, one at a time or many.
 *
 * The memory limit is RLIMIT_DATA, set by the shell that becomes the child: it counts what is really writable, not
 * the address space that V8 only reserves, and files that are mapped read-only (models) stay page cache.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LifeboatError, type ErrorCode } from '../domain/errors.ts';
import { compiledCode, engineEnvironment } from '../domain/inherited-environment.ts';

export interface BoundedChildOptions {
  /** `new URL('./x-child.ts', import.meta.url)`; found with `childScript`. */
  readonly script: URL;
  /** Bytes that the native data of the child may take. What Node itself maps comes on top. */
  readonly memoryLimitBytes: number;
  /** For messages: the component or file that the child works for. */
  readonly subject: string;
  readonly component?: string;
  readonly signal?: AbortSignal;
}

/** What a child answers. Children use `serveRequests` (child-side.ts). */
export type ChildReply =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | {
      readonly id: number;
      readonly ok: false;
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint?: string;
    };

/**
 * What is mapped writable before any data is loaded: code range, heaps, thread stacks, libraries. M on Node 24, x64:
 * 579 MiB bare, 580 with FAISS, 640 with llama.cpp.
 */
const nodeOwnBytes = 704 * 1024 * 1024;
const stderrKept = 2_000;

/** The URL of a script beside the caller: `.ts` in the clone, `.js` in the package. */
export function childScript(name: string, importMetaUrl: string): URL {
  return new URL(`./${name}${importMetaUrl.endsWith('.ts') ? '.ts' : '.js'}`, importMetaUrl);
}

export class BoundedChild {
  readonly #options: BoundedChildOptions;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  #stderr = '';
  #ended: LifeboatError | undefined;

  constructor(options: BoundedChildOptions) {
    this.#options = options;
    const kib = Math.ceil((options.memoryLimitBytes + nodeOwnBytes) / 1024);
    this.#process = spawn(
      '/bin/sh',
      [
        '-c',
        `ulimit -c 0; ulimit -d ${kib}; exec "$0" "$@"`,
        process.execPath,
        '--no-warnings',
        fileURLToPath(options.script),
      ],
      {
        env: {
          ...engineEnvironment(process.env),
          ...compiledCode(process.env),
          // BLAS would map a buffer per core before it is asked for anything.
          OPENBLAS_NUM_THREADS: '1',
          OMP_NUM_THREADS: '1',
        },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
        serialization: 'advanced',
      },
    );
    this.#process.stderr
      ?.setEncoding('utf8')
      .on('data', (text: string) => (this.#stderr = (this.#stderr + text).slice(-stderrKept)));
    this.#process.on('message', (reply) => this.#settle(reply as ChildReply));
    this.#exited = new Promise((resolve) => {
      // A channel that breaks off while a request is written is told by the end of the process.
      this.#process.on('error', (error) => this.#end(`could not run: ${error.message}`));
      this.#process.on('close', (code, signal) => {
        this.#end(signal === null ? `ended with code ${code}` : `was ended by ${signal}`);
        resolve();
      });
    });
    options.signal?.addEventListener('abort', this.#kill, { once: true });
    if (options.signal?.aborted === true) this.#kill();
  }

  /** Errors are the child's own (with its code), or EngineFailed where the child died: with its limit and last words. */
  async request<Result>(message: object): Promise<Result> {
    if (this.#ended !== undefined) throw this.#ended;
    const id = this.#nextId++;
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#process.send({ id, ...message });
    });
  }

  /** Proven gone when it returns. May be called twice. */
  async stop(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#kill);
    this.#kill();
    await this.#exited;
  }

  readonly #kill = (): void => {
    this.#process.kill('SIGKILL');
  };

  #settle(reply: ChildReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.ok) waiting?.resolve(reply.value);
    else waiting?.reject(this.#refusal(reply));
  }

  #refusal({ code, message, hint }: ChildReply & { ok: false }): LifeboatError {
    if (code !== 'EngineFailed')
      return new LifeboatError(code, message, { ...this.#fields(), ...(hint === undefined ? {} : { hint }) });
    return this.#engineFailed(`failed: ${message}`);
  }

  #end(how: string): void {
    const lastLine = this.#stderr.trim().split('\n').at(-1) ?? '';
    this.#ended ??=
      this.#options.signal?.aborted === true
        ? new LifeboatError('Aborted', `the work on ${this.#options.subject} was aborted`, this.#fields())
        : this.#engineFailed(lastLine === '' ? how : `${how}: ${lastLine}`);
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended);
    this.#waiting.clear();
  }

  /** An engine that finds no memory says so in many ways, or not at all: the limit is always named. */
  #engineFailed(how: string): LifeboatError {
    const limit = Math.round(this.#options.memoryLimitBytes / 1024 / 1024);
    return new LifeboatError(
      'EngineFailed',
      `the process that works on ${this.#options.subject} ${how} (its memory limit is ${limit} MiB)`,
      {
        ...this.#fields(),
        hint: 'if the data is that large, raise memoryLimit of the component in lifeboat.yaml',
      },
    );
  }

  #fields(): { component?: string } {
    return this.#options.component === undefined ? {} : { component: this.#options.component };
  }
}

/** Runs one piece of work with a child that is gone afterwards, however the work ends. */
export async function withBoundedChild<Result>(
  options: BoundedChildOptions,
  work: (child: BoundedChild) => Promise<Result>,
): Promise<Result> {
  const child = new BoundedChild(options);
  try {
    return await work(child);
  } finally {
    await child.stop();
  }
}
