/**
 * A reader that has seen enough (`| head`) is no failure. What is left is said to nobody, and the command goes on to its
 * end and its exit code: `init` must not stop between the key and the repository.
 */
export function outliveReaders(...streams: readonly NodeJS.WriteStream[]): void {
  for (const stream of streams) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}
