/** A short report: each file's failures and skips with their reasons, then the counts. */
export default async function* report(source) {
  let passed = 0
  let failed = 0
  let skipped = 0
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') {
      if (type === 'test:stderr' || type === 'test:stdout') yield data.message
      continue
    }
    // A suite, or a file, is the sum of its tests; only what failed by itself counts.
    const isSuite =
      data.details?.type === 'suite' ||
      (data.nesting === 0 && data.name.endsWith('.ts') && data.file?.endsWith(data.name))
    if (type === 'test:pass') {
      // Before asking for a suite: the tests of a skipped one are never reported, so it stands for them.
      if (data.skip !== undefined || (data.todo !== undefined && !isSuite)) {
        skipped += 1
        yield `- skipped: ${data.name}${typeof data.skip === 'string' ? ` (${data.skip})` : ''}${isSuite ? ', with all its tests' : ''}\n`
      } else if (!isSuite) passed += 1
    } else if (!isSuite || data.details?.error?.failureType !== 'subtestsFailed') {
      failed += 1
      const { error } = data.details
      yield `✖ ${data.name} (${data.file ?? ''}:${data.line ?? ''})\n${error?.cause?.stack ?? error?.stack ?? error}\n`
    }
  }
  yield `tests: ${passed} passed, ${failed} failed, ${skipped} skipped\n`
}
