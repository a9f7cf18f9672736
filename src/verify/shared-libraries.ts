import { basename, dirname } from 'node:path'
import { runLimited } from './process.ts'

/** What a dynamically linked program needs besides itself. */
export interface SharedLibraries {
  /** The dynamic loader, at the path that is written into the program; null where it is static. */
  loader: string | null
  libraries: string[]
}

/**
 * The system libraries that trusted binaries load, as `ldd` says; never to be
 * asked about an untrusted file, because `ldd` may run what it is given.
 */
export async function sharedLibrariesOf(binaries: readonly string[]): Promise<SharedLibraries> {
  const { stdout } = await runLimited(['/usr/bin/env', 'PATH=/usr/bin:/bin', 'ldd', ...binaries], {
    timeoutMs: 10_000,
    maxOutputBytes: 256 * 1024,
  })
  const libraries = new Set<string>()
  // What lies beside a binary comes along with it, and must be loaded from there.
  const beside = new Set(binaries.map((path) => dirname(path)))
  let loader: string | null = null
  for (const line of stdout.split('\n')) {
    // Either `\tlibc.so.6 => /lib/…/libc.so.6 (0x…)` or, for the loader, `\t/lib64/ld-linux-x86-64.so.2 (0x…)`.
    const [, arrow, path] = /^\t(\S+ => )?(\/\S+) \(0x[0-9a-f]+\)$/.exec(line) ?? []
    if (path === undefined) continue
    if (arrow === undefined || basename(path).startsWith('ld-')) loader ??= path
    else if (!beside.has(dirname(path))) libraries.add(path)
  }
  return { loader, libraries: [...libraries] }
}
