/**
 * Extended attributes and POSIX ACLs of a file or folder: name to value in base64. Some are carried from host to host,
 * the others belong to one host or file system: labels of security modules, marks of overlay and network file systems.
 */
export type Attributes = Readonly<Record<string, string>>;

/** Linux takes names up to 255 bytes and values up to 64 KiB. All of one entry together are bounded by us. */
const nameBytes = 255;
const valueBytes = 64 * 1024;
export const attributeBytes = 256 * 1024;

export const capability = 'security.capability';
const carried = /^(?:user\.[^\0]+|system\.posix_acl_(?:access|default)|security\.capability)$/s;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Whether it is base64 as every reader takes it: `Buffer.from` takes more. */
export function isBase64(value: unknown): value is string {
  return typeof value === 'string' && base64.test(value);
}

export function isCarried(name: string): boolean {
  return carried.test(name) && name.isWellFormed() && new TextEncoder().encode(name).length <= nameBytes;
}

/** The host's security policy gives these anew, so nobody misses them. */
export function isOfHost(name: string): boolean {
  return name.startsWith('security.') && name !== capability;
}

/** `user.*`, or the name itself where there is one of the kind. */
export function kindOfAttribute(name: string): string {
  return name.startsWith('system.posix_acl_') || name === capability ? name : `${name.split('.', 1)[0] ?? ''}.*`;
}

export function sizeOfAttribute(name: string, value: string): number {
  return new TextEncoder().encode(name).length + decodedLength(value);
}

/** Why a value cannot be the attributes of an entry; undefined where it can. */
export function faultOfAttributes(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'are no object';
  let total = 0;
  for (const [name, text] of Object.entries(value)) {
    if (!isCarried(name)) return `hold ${JSON.stringify(name.slice(0, 80))}, which no backup carries`;
    if (!isBase64(text)) return `hold ${JSON.stringify(name)} with a value that is no base64`;
    if (decodedLength(text) > valueBytes) return `hold ${JSON.stringify(name)} with ${decodedLength(text)} bytes`;
    total += sizeOfAttribute(name, text);
  }
  return total > attributeBytes ? `have ${total} bytes` : undefined;
}

function decodedLength(value: string): number {
  return (value.length / 4) * 3 - (value.endsWith('==') ? 2 : value.endsWith('=') ? 1 : 0);
}
