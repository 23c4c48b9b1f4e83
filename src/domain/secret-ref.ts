/** A secret never stands in the parsed configuration: only where it is read from, at the moment of use. */
export type SecretRef =
  | { readonly from: 'env'; readonly name: string }
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'literal'; readonly value: string };
