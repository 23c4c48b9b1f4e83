/** What is neither file, folder nor link, as the list of what a capture left out names it. */
export function specialKind(stats: {
  isSocket(): boolean;
  isFIFO(): boolean;
  isBlockDevice(): boolean;
  isCharacterDevice(): boolean;
}): string {
  if (stats.isSocket()) return 'socket';
  if (stats.isFIFO()) return 'named pipe';
  return stats.isBlockDevice() || stats.isCharacterDevice() ? 'device' : 'special file';
}
