import type { ModelItem } from '../page-types.ts'

/** Adds and removes web seeds, for the uploader and for moderators (T16). */
export function WebSeedForms({ model }: { model: ModelItem }) {
  const { id, web_seeds } = model
  if (!['pending', 'published', 'suspended'].includes(model.status)) return null
  return (
    <details>
      <summary>Web seeds: {web_seeds.length === 0 ? 'none' : web_seeds.length}</summary>
      <div class="stack web-seeds">
        <p class="quiet-text">
          Where the same file is on the web too. Clients and verifiers use it beside their peers; the .torrent
          and the magnets carry it at once, and the info hash stays.
        </p>
        {web_seeds.length === 0 ? null : (
          <ul class="plain">
            {web_seeds.map((url) => (
              <li key={url}>
                <form method="post" action={`/models/${id}/web-seeds/removal`}>
                  <input type="hidden" name="url" value={url} />
                  <span class="mono">{url}</span>
                  <button type="submit" class="button button-small button-quiet">
                    Remove<span class="sr"> {url}</span>
                  </button>
                </form>
              </li>
            ))}
          </ul>
        )}
        <form method="post" action={`/models/${id}/web-seeds`} class="stack">
          <label for="web-seed">
            URL of {model.files.length === 1 ? 'the file' : 'the folder above its files'}
          </label>
          <p class="field-hint" id="web-seed-hint">
            http or https, on a public address. On Hugging Face take the pinned one:
            /org/repo/resolve/COMMIT/path.
          </p>
          <input
            id="web-seed"
            name="url"
            type="url"
            class="mono"
            required
            maxLength={2000}
            pattern="https?://.+"
            autocomplete="off"
            aria-describedby="web-seed-hint"
          />
          <button type="submit" class="button button-small">
            Add this web seed
          </button>
        </form>
      </div>
    </details>
  )
}
