const OURS = 'This does not work at the moment. The fault is ours, not yours. Please try again later or contact us.'
const AGAIN = 'This did not work just now. Please try again.'

export const en = {
  try_again: 'Try again',
  signed_out_heading: 'Please sign in',
  signed_out: 'Sign in to see or save Amazon Pay in your account.',

  problem_heading: 'Not available right now',
  problem_unknown: AGAIN,
  problem_internal_error: AGAIN,
  problem_no_terms: OURS,
}
