/**
 * Manifests that were read and authenticated, by the version of their object: a manifest never changes. Points that follow
 * one another need nearly the same packs, so what each says of a pack is kept once: else 100 points of 100 GB would take 200 MB.
 */
import type { BackupFile, BackupId, Manifest } from '../domain/recovery-point.ts';

export interface KnownManifest {
  readonly version: string;
  readonly digest: string;
  readonly manifest: Manifest;
}

export class ManifestCache {
  readonly #known = new Map<BackupId, KnownManifest>();
  /** By path, of all that are known, and for a while of some that went. */
  #files = new Map<string, BackupFile>();
  #gone = 0;

  get size(): number {
    return this.#known.size;
  }

  get(id: BackupId): KnownManifest | undefined {
    return this.#known.get(id);
  }

  /** Gives what is kept. */
  set(id: BackupId, { version, digest, manifest }: KnownManifest): KnownManifest {
    const files = manifest.backup_files.map((file) => this.#same(file));
    const kept = { version, digest, manifest: { ...manifest, backup_files: files } };
    this.#known.set(id, kept);
    return kept;
  }

  /** In the order of their names. */
  manifests(): Manifest[] {
    const ordered = [...this.#known].toSorted(([one], [other]) => (one < other ? -1 : 1));
    return ordered.map(([, { manifest }]) => manifest);
  }

  keepOnly(there: { has(id: BackupId): boolean }): void {
    for (const id of this.#known.keys()) if (!there.has(id) && this.#known.delete(id)) this.#gone += 1;
    if (this.#gone * 4 <= this.#known.size) return;
    this.#gone = 0;
    this.#files = new Map();
    for (const { manifest } of this.#known.values())
      for (const file of manifest.backup_files) this.#files.set(file.path, file);
  }

  #same(file: BackupFile): BackupFile {
    const known = this.#files.get(file.path);
    const isSame = known?.size === file.size && known.checksum === file.checksum && known.filename === file.filename;
    if (isSame) return known;
    this.#files.set(file.path, file);
    return file;
  }
}
