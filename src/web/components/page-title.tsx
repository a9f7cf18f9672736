/** The title card of a page that is not a model's. */
export function PageTitle({ word, say }: { word: string; say?: string }) {
  return (
    <header class="page-title">
      <h1 class="title title-m">{word}</h1>
      {say === undefined ? null : <p class="page-say">{say}</p>}
    </header>
  )
}
