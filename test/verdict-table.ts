/** The verdict of a whole inspection, and tables of files with the verdict each should get. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from '../src/gguf/inspect.ts'
import { memorySource } from '../src/gguf/memory-source.ts'
import { fixture, fixtureFile, type Fixture } from '../src/gguf/model-fixture.ts'
import { placeOf } from '../src/gguf/raw-fixture.ts'
import type { WriteTensor, WriteValue } from '../src/gguf/write.ts'

/** Name, file, and what is found: a code (refused), `warn CODE`, or `accept`. */
export type Case = [name: string, file: Uint8Array, verdict: string]

export async function verdictOf(file: Uint8Array): Promise<string> {
  const { verdict, findings } = await inspect(memorySource(file))
  const [first] = findings
  if (verdict === 'accept' || first === undefined) return verdict
  return verdict === 'reject' ? first.code : `${verdict} ${first.code}`
}

export function table(title: string, cases: readonly Case[]): void {
  describe(title, () => {
    for (const [name, file, verdict] of cases)
      it(`${name}: ${verdict}`, async () => assert.equal(await verdictOf(file), verdict))
  })
}

export function setBytes(file: Uint8Array, at: number, bytes: ArrayLike<number>): Uint8Array {
  const copy = file.slice()
  copy.set(bytes, at)
  return copy
}

/** Overwrites bytes at a distance from the end of a text. */
export function setAfter(
  file: Uint8Array,
  place: string,
  distance: number,
  bytes: ArrayLike<number>,
): Uint8Array {
  return setBytes(file, placeOf(file, place) + place.length + distance, bytes)
}

export function withKey(name: string, value: WriteValue | null): Uint8Array {
  return fixtureFile(fixture(), { [name]: value })
}

export function withTensors(
  change: (list: WriteTensor[]) => WriteTensor[],
  base: Fixture = fixture(),
): Uint8Array {
  return fixtureFile({ ...base, tensors: change([...base.tensors]) })
}
