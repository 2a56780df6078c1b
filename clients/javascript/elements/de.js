const OURS = 'Das ist im Moment nicht möglich. Der Fehler liegt bei uns. Bitte versuchen Sie es später noch einmal oder '
  + 'wenden Sie sich an uns.'
const AGAIN = 'Das hat gerade nicht funktioniert. Bitte versuchen Sie es noch einmal.'

export const de = {
  try_again: 'Noch einmal versuchen',
  signed_out_heading: 'Bitte melden Sie sich an',
  signed_out: 'Melden Sie sich an, um Amazon Pay in Ihrem Konto zu sehen oder zu speichern.',

  problem_heading: 'Zurzeit nicht verfügbar',
  problem_unknown: AGAIN,
  problem_internal_error: AGAIN,
  problem_no_terms: OURS,
}
