// JSON of the farm, whose seeds can be larger than the integers that JavaScript's numbers hold (2^53): those are strings
// of digits in the page, and numbers again on their way out.

// The quotation mark after a brace or comma begins a field's name: within a string it would be `\"`.
const READ = /([{,]\s*"seed":\s*)(\d{16,})/g;
const WRITTEN = /([{,]\s*"seed":\s*)"(0|[1-9]\d*)"/g;

export const parse = (text) => JSON.parse(text.replace(READ, '$1"$2"'));

export const stringify = (value, space) => JSON.stringify(value, null, space).replace(WRITTEN, "$1$2");
