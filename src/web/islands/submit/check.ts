import { wanted } from '../../commands/wanted.ts'
import { formField, Submission, submissionOfForm } from '../../commands/submission.ts'

/** A .torrent that is chosen is not read for this; any bytes stand for it. */
const SOME_BYTES = 'AA=='

/** What the server's own schema objects to, by the form's field. */
export function checkForm(fields: Record<string, string>, hasTorrent: boolean): Record<string, string> {
  const { torrent: _, ...rest } = fields
  const parsed = Submission.safeParse({
    ...submissionOfForm(rest),
    ...(hasTorrent ? { torrent: SOME_BYTES } : {}),
  })
  const errors: Record<string, string> = {}
  for (const { path, message } of parsed.error?.issues ?? [])
    errors[formField(path.join('.'))] ??= wanted(message)
  return errors
}
