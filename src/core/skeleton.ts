import unhomoglyph from 'unhomoglyph'

/**
 * What a name looks like, for finding look-alikes: the confusable skeleton of
 * UTS #39 without regard to case, spaces and separators, with the digits that
 * are read as letters. Two names of one skeleton may be taken for each other;
 * it says nothing else and is never shown.
 */
export function skeletonOf(name: string): string {
  const plain = name.normalize('NFKC').toLowerCase().normalize('NFD').replaceAll(/\p{M}/gu, '')
  return unhomoglyph(plain)
    .toLowerCase()
    .replaceAll(/[\s\p{P}\p{S}]/gu, '')
    .replaceAll('vv', 'w')
    .replaceAll(/[1i|]/g, 'l')
    .replaceAll('0', 'o')
}

/** A name without what makes no other name of it: case, spaces, separators. */
export function plainName(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[\s\p{P}\p{S}]/gu, '')
}

/** Whether a name may be taken for another that it is not (T21). */
export function looksLike(name: string, other: string): boolean {
  return plainName(name) !== plainName(other) && skeletonOf(name) === skeletonOf(other)
}
