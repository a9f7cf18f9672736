import { CopyButton, Missing, Panel } from './bits.tsx'

interface AnnounceHelpProps {
  /** This site's announce addresses. */
  trackers: readonly string[]
  /** The model's file as the commands name it. */
  file: string
}

/** Where to announce, how a torrent is made in a terminal, and how it is seeded. */
export function AnnounceHelp({ trackers, file }: AnnounceHelpProps) {
  const flags = (name: string): string => trackers.map((url) => ` ${name} ${url}`).join('')
  return (
    <Panel title="Announce here" code="this site’s tracker" id="announce">
      <AnnounceUrls trackers={trackers} />
      <p class="quiet-text">Make the torrent in a terminal, hybrid:</p>
      <Command text={`bin/qal create ${file}${flags('--announce')} -o ${file}.torrent`} what="the command" />
      <p class="quiet-text">or v1 only, which every client reads:</p>
      <Command text={`transmission-create${flags('-t')} -o ${file}.torrent ${file}`} what="the command" />
      <SeedCommands file={file} />
    </Panel>
  )
}

/** This site's announce addresses, each to copy. */
export function AnnounceUrls({ trackers }: Pick<AnnounceHelpProps, 'trackers'>) {
  if (trackers.length === 0)
    return (
      <p>
        <Missing word="this site has no tracker of its own: name any that is open" />
      </p>
    )
  return (
    <>
      {trackers.map((url) => (
        <Command text={url} what="the announce address" key={url} />
      ))}
    </>
  )
}

/** How to seed, in the folder that holds the file. */
export function SeedCommands({ file }: Pick<AnnounceHelpProps, 'file'>) {
  return (
    <>
      <p class="quiet-text">Seed it, in the folder that holds the file, until others have it:</p>
      <Command text={`bin/qal seed ${file}`} what="the command" />
      <p class="quiet-text">or with another client; transmission before 4.0 reads v1 torrents alone:</p>
      <Command text={`transmission-cli --download-dir . ${file}.torrent`} what="the command" />
    </>
  )
}

function Command({ text, what }: { text: string; what: string }) {
  return (
    <p class="command">
      <code>{text}</code>
      <CopyButton text={text} what={what} />
    </p>
  )
}
