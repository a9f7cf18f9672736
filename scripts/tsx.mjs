/** Lets Node import `.tsx`: it strips types itself, the JSX is compiled here on load. */
import { readFileSync } from 'node:fs'
import { createRequire, registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
// A command without pages starts without the compiler; it is then loaded with the first page. Elsewhere it is
// loaded first: one that is being imported by the program itself (Vite has it too) could not be required.
if (!/[\\/]cli[\\/]main\.ts$/.test(process.argv[1] ?? '')) await import('rolldown/utils')

registerHooks({
  load(url, context, nextLoad) {
    if (!url.endsWith('.tsx')) return nextLoad(url, context)
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
