import { formatBytes } from '../islands/format.ts'
import type { ModelItem } from '../page-types.ts'
import { CopyButton, Panel } from './bits.tsx'
import { trackersOf } from './trackers.ts'

/** Files the check accepts as this listing's: a match of any of them is named. */
const CHECKABLE = new Set(['model', 'shard', 'mmproj', 'lora', 'imatrix'])
const MAX_EXPECTED = 200

/** "Check a file I have" and "Download here": roots that the islands bring to life. */
export function FileTools({ model, download }: { model: ModelItem; download: boolean }) {
  return (
    <>
      <CheckFile model={model} alone={!download} />
      {download ? <DownloadHere model={model} /> : null}
      <div class="broadcast-slot wide" id="tool-broadcast" role="alert" />
    </>
  )
}

function CheckFile({ model, alone }: { model: ModelItem; alone: boolean }) {
  const name = modelFileName(model)
  const command =
    /^[\w.+-]{1,200}$/.test(name) && !name.startsWith('-')
      ? `echo '${model.sha256}  ${name}' | sha256sum -c`
      : null
  return (
    <Panel
      title="Check a file I have"
      code="stays on your machine"
      id="check"
      kind={alone ? 'tool tool-alone' : 'tool'}
    >
      <div
        data-island="check-file"
        data-state="idle"
        data-expect={JSON.stringify(expectedFiles(model))}
        data-signed={JSON.stringify(signedOf(model))}
        data-broadcast="tool-broadcast"
        data-listing={model.model}
      >
        <p>
          Choose a file of any size. Your browser reads it here, works out its SHA-256 and compares it with
          this listing’s. Nothing is uploaded.
        </p>
        <ToolRun>
          <label class="drop" data-part="drop">
            <span>Choose a file, or drop it here</span>
            <input type="file" data-part="input" />
          </label>
        </ToolRun>
        {command === null ? null : (
          <>
            <p class="quiet-text">Or in a terminal, beside the file:</p>
            <p class="command">
              <code>{command}</code>
              <CopyButton text={command} what="the command" />
            </p>
          </>
        )}
      </div>
    </Panel>
  )
}

/** Where the listing's signature and its key are; null where it has none. */
function signedOf({ id, signature }: ModelItem): { signature: string; key: string; revoked: boolean } | null {
  if (signature.blob === null || signature.fingerprint === null) return null
  return {
    signature: `/models/${id}.sig`,
    key: `/keys/${signature.fingerprint}`,
    revoked: signature.state === 'revoked',
  }
}

function DownloadHere({ model }: { model: ModelItem }) {
  const trackers = trackersOf(model).filter((tracker) => /^wss?:\/\//.test(tracker))
  return (
    <Panel title="Download here" code="WebTorrent" id="download" kind="tool">
      {trackers.length === 0 || model.info_hash === null ? (
        <p>
          Browsers cannot reach this swarm: the torrent names no WebSocket tracker
          {model.info_hash === null ? ' and has no v1 info hash' : ''}. Use the magnet in a torrent client,
          then check the file here.
        </p>
      ) : (
        <div
          data-island="download-here"
          data-state="idle"
          data-torrent={`/models/${model.id}.client.torrent`}
          data-trackers={JSON.stringify(trackers)}
          data-sha256={model.sha256}
          data-size={String(model.size_bytes)}
          data-name={modelFileName(model)}
          data-broadcast="tool-broadcast"
          data-listing={model.model}
        >
          <p>
            Fetches {formatBytes(model.size_bytes)} from peers into this page and checks every byte on the
            way; it can be saved only if the SHA-256 is the listed one.{' '}
            <strong>Peers and trackers will see your IP address</strong> and that you want this file.
          </p>
          <ToolRun>
            <button type="button" class="button" data-part="start">
              Download and verify
            </button>
          </ToolRun>
        </div>
      )}
    </Panel>
  )
}

/** Progress, figures, cancel and result: the same for both tools. */
function ToolRun({ children }: { children: preact.ComponentChildren }) {
  return (
    <>
      <div data-part="ask" hidden>
        {children}
      </div>
      <noscript>
        <p class="quiet-text">This needs JavaScript; the other ways on this page do not.</p>
      </noscript>
      <div class="run" data-part="run" hidden>
        <progress data-part="bar" max={1000} value={0} aria-label="Progress" />
        <p class="run-figures mono" data-part="figures" />
        <button type="button" class="button button-small" data-part="cancel">
          Cancel
        </button>
      </div>
      <div class="result" data-part="result" role="status" aria-live="polite" />
    </>
  )
}

/** The model file's own name, without folders. */
function modelFileName(model: ModelItem): string {
  const path =
    model.files.find(({ sha256 }) => sha256 === model.sha256)?.path ?? model.files[0]?.path ?? model.model
  return path.slice(path.lastIndexOf('/') + 1)
}

function expectedFiles(model: ModelItem): { path: string; size_bytes: number; sha256: string }[] {
  const others = model.files.flatMap(({ path, size_bytes, sha256, role }) =>
    sha256 !== null && sha256 !== model.sha256 && CHECKABLE.has(role) ? [{ path, size_bytes, sha256 }] : [],
  )
  return [
    { path: modelFileName(model), size_bytes: model.size_bytes, sha256: model.sha256 },
    ...others.slice(0, MAX_EXPECTED),
  ]
}
