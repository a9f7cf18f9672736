import type { FileView } from '../../core/views.ts'
import { formatBytes, formatCount } from '../islands/format.ts'
import { Code, Missing, Panel } from './bits.tsx'

const SHOWN = 100

/** The torrent's files with their digests. */
export function FilesTable({ files }: { files: FileView[] }) {
  return (
    <Panel title="Files" code={`${formatCount(files.length)} in the torrent`} kind="wide" id="files">
      <div class="scroll" tabIndex={0} role="region" aria-label="Files of the torrent">
        <table class="files">
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col">Role</th>
              <th scope="col" class="right">
                Size
              </th>
              <th scope="col">SHA256</th>
            </tr>
          </thead>
          <tbody>
            {files.slice(0, SHOWN).map((file) => (
              <tr key={file.path}>
                <th scope="row" class="mono">
                  {file.path}
                </th>
                <td>{file.role}</td>
                <td class="right">
                  <span title={`${formatCount(file.size_bytes)} bytes`}>{formatBytes(file.size_bytes)}</span>
                </td>
                <td>
                  {file.sha256 === null ? (
                    <Missing word="not given" />
                  ) : (
                    <Code text={file.sha256} what={`the SHA-256 of ${file.path}`} />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {files.length > SHOWN ? (
        <p class="quiet-text">And {formatCount(files.length - SHOWN)} more in the .torrent.</p>
      ) : null}
    </Panel>
  )
}
