import { userInfo, hostname } from 'node:os';

/** Who asked: stands in the evidence of every run. */
export function requestedBy(): string {
  try {
    return `${process.env.SUDO_USER ?? userInfo().username}@${hostname()}`;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}@${hostname()}`;
  }
}
