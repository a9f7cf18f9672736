/** Lets Node import `.tsx`: it strips types itself, the JSX is compiled here on load. */
import { readFileSync } from 'node:fs'
import { createRequire, registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)

registerHooks({
  load(url, context, nextLoad) {
    if (!url.endsWith('.tsx')) return nextLoad(url, context)
    // Loaded with the first page: commands without pages start without it.
    const { transformSync } = require('rolldown/utils')
    const path = fileURLToPath(url)
    const result = transformSync(path, readFileSync(path, 'utf8'), {
      lang: 'tsx',
      sourceType: 'module',
      sourcemap: true,
      jsx: { runtime: 'automatic', importSource: 'preact' },
    })
    if (result.errors.length > 0) throw new SyntaxError(`Cannot compile ${path}: ${result.errors[0].message}`)
    return { format: 'module', source: result.code, shortCircuit: true }
  },
})
