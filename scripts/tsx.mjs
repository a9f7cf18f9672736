/** Lets Node import `.tsx`: it strips types itself, the JSX is compiled here on load. */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { transformSync } from 'rolldown/utils'

registerHooks({
  load(url, context, nextLoad) {
    if (!url.endsWith('.tsx')) return nextLoad(url, context)
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
