#!/bin/sh
# lifeboat-restore 4
# Restores files from this Lifeboat repository without Lifeboat. Needs a POSIX shell and utilities, jq, zstd, openssl 3.
#
#   sh restore.sh [-k KEYFILE | -p PASSPHRASEFILE] [-r REPOSITORY] list
#   sh restore.sh [...] show TIMESTAMP
#   sh restore.sh [...] [-w] restore TIMESTAMP COMPONENT|all FOLDER
#
# KEYFILE holds the recovery kit or the key alone; LIFEBOAT_KEY or LIFEBOAT_PASSPHRASE work too. Every manifest, index,
# block, file and piece of WAL is verified; a file that does not verify is not left in place, and the exit code is 1.
# Databases of incremental points come with their archived WAL; with -w those of any point with all WAL that follows.
# Extended attributes and ACLs need setfattr (package attr); without it the script says how many are missing.
# Keys are passed to openssl as arguments: use a machine on which you trust the other users.
set -eu
umask 077
LC_ALL=C
export LC_ALL
unset CDPATH

repository=$(dirname -- "$0")
key_file=
passphrase_file=
all_wal=false
work=
stage=
nl='
'

die() {
  printf 'restore.sh: %s\n' "$1" >&2
  exit 1
}

say() {
  printf '%s\n' "$1" >&2
}

# What one component cannot have; the others are restored all the same.
fail() {
  say "$component: $1"
  failed=1
}

usage() {
  sed -n '5,7s/^#   //p' "$0" >&2
  exit 2
}

clean_up() {
  rm -rf "$work"
  [ -z "$stage" ] || rm -rf "$stage"
}

# ---- bytes ----

# Hex digits of standard input.
to_hex() {
  od -An -v -tx1 | tr -d ' \n'
}

# Bytes of the hex digits in $1.
from_hex() {
  rest=$1 octal=
  while [ -n "$rest" ]; do
    tail_=${rest#??}
    byte=$((0x${rest%"$tail_"}))
    octal=$octal\\$((byte / 64))$((byte / 8 % 8))$((byte % 8))
    rest=$tail_
  done
  # shellcheck disable=SC2059
  printf "$octal"
}

# $2 bytes of file $3 from offset $1. One process where dd counts bytes, as that of GNU and BusyBox does.
bytes_at() {
  if [ "$has_dd" = true ]; then
    dd if="$3" bs=1048576 iflag=fullblock,skip_bytes,count_bytes skip="$1" count="$2" 2>/dev/null
  else
    tail -c "+$(($1 + 1))" "$3" | head -c "$2"
  fi
}

# Lines of file $2 that file $1 does not have.
lines_beyond() {
  awk 'FILENAME == ARGV[1] { known[$0]; next } !($0 in known)' "$1" "$2"
}

size_of() {
  wc -c <"$1" | tr -d ' '
}

sha256_of_input() {
  openssl dgst -sha256 -r | cut -c1-64
}

# HMAC-SHA-256 of standard input under the hex key $1.
hmac_of_input() {
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -r | cut -c1-64
}

# Id of a content: keyed where the repository is encrypted.
id_of_input() {
  if [ "$encryption" = none ]; then sha256_of_input; else hmac_of_input "$id_key"; fi
}

# HMAC-SHA-256 of many files under the key $1, plain SHA-256 where the repository is not encrypted, one a line.
codes_of() {
  code_key=$1
  shift
  if [ "$encryption" = none ]; then
    openssl dgst -sha256 -r "$@" | cut -c1-64
  elif [ "$has_many" = true ]; then
    openssl dgst -sha256 -mac HMAC -macopt "hexkey:$code_key" -r "$@" | cut -c1-64
  else
    for each; do hmac_of_input "$code_key" <"$each"; done
  fi
}

# Ciphertext on standard input, hex key $1, hex nonce $2. AES-256-GCM is counter mode that starts at 2; what comes out is
# compared with its keyed id, which is the stronger check.
decrypt() {
  openssl enc -d -aes-256-ctr -nopad -K "$1" -iv "${2}00000002"
}

# ---- keys ----

# The 64 hex digits of the key in file $1; check digits are compared.
read_key() {
  sed -n '/--- key begins ---/,/--- key ends ---/{/---/!p;}' >"$work/key.in" <"$1"
  [ -s "$work/key.in" ] || cat "$1" >"$work/key.in"
  digits=$(tr -d ' \t\r\n:-' <"$work/key.in" | tr 'OolIABCDEF' '0011abcdef')
  rm -f "$work/key.in"
  case $digits in *[!0-9a-f]*) die 'the key holds characters that no key has' ;; esac
  case ${#digits} in
  64) printf '%s' "$digits" ;;
  80)
    line=0
    while [ "$line" -lt 4 ]; do
      part=$(printf '%s' "$digits" | cut -c "$((line * 20 + 1))-$((line * 20 + 16))")
      check=$(printf '%s' "$digits" | cut -c "$((line * 20 + 17))-$((line * 20 + 20))")
      real=$({ printf 'lifeboat-key-line-%s\n' "$line"; from_hex "$part"; } | sha256_of_input | cut -c1-4)
      [ "$check" = "$real" ] || die "the key has a typing error in line $((line + 1))"
      printf '%s' "$part"
      line=$((line + 1))
    done
    ;;
  *) die "the key has ${#digits} digits, 80 belong there" ;;
  esac
}

# Normal form NFKC of standard input, by the first program that is there and can.
normalized() {
  cat >"$work/phrase"
  if python3 -c 'import sys, unicodedata
sys.stdout.buffer.write(unicodedata.normalize("NFKC", sys.stdin.buffer.read().decode()).encode())' \
    <"$work/phrase" 2>/dev/null; then return; fi
  if perl -MUnicode::Normalize -e 'binmode STDIN, ":utf8"; binmode STDOUT, ":utf8"; local $/; print NFKC(<STDIN>)' \
    <"$work/phrase" 2>/dev/null; then return; fi
  uconv -f utf-8 -t utf-8 -x any-nfkc <"$work/phrase" 2>/dev/null
}

# Sets pass_hex: hex digits of the passphrase $1 as it goes into scrypt. $2: what is said where that is not known.
read_passphrase() {
  pass_note=
  pass_hex=$(printf '%s' "$1" | to_hex)
  case $1 in
  *[!\ -~]*)
    if in_form=$(printf '%s' "$1" | normalized | to_hex) && [ -n "$in_form" ]; then pass_hex=$in_form; else
      pass_note='; it has characters beyond ASCII, and these must be in the normal form NFKC of Unicode'
      pass_note="$pass_note: install python3, perl or uconv, and this script sees to it"
    fi
    ;;
  esac
  rm -f "$work/phrase"
}

# Without the white space at its end, as Lifeboat reads it.
passphrase_in_file() {
  phrase=$(cat "$1")
  while :; do
    case $phrase in
    *[\ "$(printf '\t\r')$nl"]) phrase=${phrase%?} ;;
    *) break ;;
    esac
  done
  printf '%s' "$phrase"
}

scrypt_of() {
  openssl kdf -keylen 32 -kdfopt "hexpass:$1" -kdfopt "hexsalt:$2" -kdfopt "n:$3" -kdfopt "r:$4" -kdfopt "p:$5" \
    -kdfopt maxmem_bytes:1200000000 SCRYPT 2>/dev/null | tr -d ':\n' | tr 'A-F' 'a-f'
}

# Sets kind (key or passphrase; empty where nothing was given) and what is needed to try it.
read_given() {
  kind=
  opening=
  if [ -n "$passphrase_file" ]; then
    kind=passphrase
    read_passphrase "$(passphrase_in_file "$passphrase_file")"
  elif [ -n "$key_file" ]; then
    kind=key
    opening=$(read_key "$key_file")
  elif [ -n "${LIFEBOAT_KEY:-}" ]; then
    kind=key
    printf '%s\n' "$LIFEBOAT_KEY" >"$work/key.env"
    opening=$(read_key "$work/key.env")
    rm -f "$work/key.env"
  elif [ -n "${LIFEBOAT_PASSPHRASE:-}" ]; then
    kind=passphrase
    read_passphrase "$LIFEBOAT_PASSPHRASE"
  fi
}

# Words of a key record: kind, repository, nonce, wrapped, scrypt's salt, n, r and p. Nothing for what is none.
# scrypt takes 128 · n · r · p bytes: a hostile record must not make us allocate without end.
jq_key_record='
def count: type == "number" and . >= 1 and . == floor;
select(type == "object" and .format == 1 and (.kind == "key" or .kind == "passphrase"))
| select([.repository, .nonce, .wrapped] | all(type == "string"))
| select(.repository | test("\\A[0-9a-f]{32}\\z"))
| select(.nonce | test("\\A[A-Za-z0-9+/]{16}\\z"))
| select(.wrapped | test("\\A[A-Za-z0-9+/]{150}==\\z"))
| if .kind == "key" then . + {scrypt: {salt: "-", n: 0, r: 0, p: 0}} else
    select((.scrypt | type) == "object" and (.scrypt.salt | type) == "string")
    | select(.scrypt.salt | test("\\A([0-9a-f][0-9a-f])+\\z"))
    | select(.scrypt | (.n | count) and (.r | count) and (.p | count))
    | select(.scrypt | 128 * .n * .r * .p <= 1073741824)
  end
| "\(.kind) \(.repository) \(.nonce) \(.wrapped) \(.scrypt.salt) \(.scrypt.n) \(.scrypt.r) \(.scrypt.p)"'

# Names of what looks like a key record; another file in keys/ is none.
key_records() {
  for record in "$repository"/keys/????????????????.json; do
    name=${record##*/}
    name=${name%.json}
    case $name in *[!0-9a-f]*) continue ;; esac
    [ ! -f "$record" ] || printf '%s\n' "$name"
  done
}

# Sets data_key, id_key, mac_key from the first record that opens. One that is damaged or hostile hides no other.
open_keys() {
  [ -n "$kind" ] || die 'this repository is encrypted: give -k KEYFILE or -p PASSPHRASEFILE'
  tried=0
  for name in $(key_records); do
    # shellcheck disable=SC2046
    set -- $(jq -r "$jq_key_record" "$repository/keys/$name.json" 2>/dev/null)
    [ $# = 8 ] && [ "$1 $2" = "$kind $repository_id" ] || continue
    tried=$((tried + 1))
    if [ "$kind" = passphrase ]; then opening=$(scrypt_of "$pass_hex" "$5" "$6" "$7" "$8"); fi
    [ "${#opening}" = 64 ] || continue
    wrapping=$(printf 'lifeboat-wrap-1\n%s' "$name" | hmac_of_input "$opening")
    nonce=$(printf '%s' "$3" | openssl base64 -d -A | to_hex)
    secrets=$(printf '%s' "$4" | openssl base64 -d -A | head -c 96 | decrypt "$wrapping" "$nonce" | to_hex)
    data_key=$(printf '%s' "$secrets" | cut -c1-64)
    id_key=$(printf '%s' "$secrets" | cut -c65-128)
    mac_key=$(printf '%s' "$secrets" | cut -c129-192)
    # A wrong key gives noise, and noise does not authenticate the record.
    if is_authentic "keys/$name.json"; then return; fi
  done
  [ "$tried" != 0 ] || die "there is no record of a $kind for this repository in keys/"
  [ "$kind" != passphrase ] || die "the passphrase does not open this repository$pass_note"
  die 'the key does not open this repository'
}

# ---- documents ----

# The code in the last 80 bytes of file $1, of $2 bytes.
code_in() {
  [ "$2" -le 80 ] || tail -c 80 "$1" | tr -d '\n' | sed -n 's/^,  "mac": "\([0-9a-f]\{64\}\)"}$/\1/p'
}

# What the code in file $2, of $3 bytes, covers: the document's key $1, a line feed, and every byte before those 80.
covered_by_code() {
  printf '%s\n' "$1"
  head -c "$(($3 - 80))" "$2"
}

# Whether file $2 is the document with the key $1; by default the file with that name.
is_authentic() {
  document=${2:-$repository/$1}
  size=$(size_of "$document")
  [ "$size" -gt 80 ] || return 1
  found=$(code_in "$document" "$size")
  if [ "$encryption" = none ]; then
    real=$(covered_by_code "$1" "$document" "$size" | sha256_of_input)
  else
    real=$(covered_by_code "$1" "$document" "$size" | hmac_of_input "$mac_key")
  fi
  [ -n "$found" ] && [ "$found" = "$real" ]
}

# The same of many: of the keys on standard input those that are authentic, in their order.
authentic_of() {
  rm -rf "$work/many"
  mkdir "$work/many"
  cat >"$work/many/keys"
  while read -r key <&3; do
    set -- "$@" "$key"
    if [ $# -ge 100 ]; then
      authentic_among "$@"
      set --
    fi
  done 3<"$work/many/keys"
  [ $# = 0 ] || authentic_among "$@"
}

authentic_among() {
  number=0 claimed=
  for key; do
    number=$((number + 1))
    size=$(size_of "$repository/$key")
    if [ "$size" -gt 80 ]; then covered_by_code "$key" "$repository/$key" "$size"; fi >"$work/many/$number"
    code=$(code_in "$repository/$key" "$size")
    claimed="$claimed ${code:--}"
  done
  number=0
  for key; do
    number=$((number + 1))
    set -- "$@" "$work/many/$number"
    shift
  done
  real=$(codes_of "$mac_key" "$@") || die 'openssl cannot read what lies in the temporary folder'
  # shellcheck disable=SC2086
  set -- $claimed
  number=0
  for code in $real; do
    number=$((number + 1))
    if [ "$code" = "$1" ]; then head -n 1 "$work/many/$number"; fi
    shift
  done
}

open_repository() {
  [ -f "$repository/repository.json" ] || die "there is no repository.json in $repository"
  # shellcheck disable=SC2046
  set -- $(jq -r 'select(type == "object") | "\(.format) \(.encryption) \(.id)"' "$repository/repository.json" 2>/dev/null)
  [ $# = 3 ] || die 'repository.json is damaged: take the one of a copy of this repository'
  encryption=$2
  repository_id=$3
  case $1 in
  1) ;;
  *[!0-9]* | 0) die 'repository.json is damaged: take the one of a copy of this repository' ;;
  *) die 'this repository has a newer format; look for a newer restore.sh' ;;
  esac
  data_key= id_key= mac_key=
  read_given
  case $encryption in
  aes-256-gcm) open_keys ;;
  none)
    # Whoever can write the storage could put an open repository in the place of a sealed one.
    [ -z "$kind" ] ||
      die "a $kind was given, but repository.json says that this repository is not encrypted: it is another one, or somebody exchanged it"
    [ -z "$(key_records)" ] ||
      die 'repository.json says that this repository is not encrypted, but keys/ holds records of keys: somebody
exchanged it. Take the file of a copy; if you know that the repository never was encrypted, move keys/ away'
    ;;
  *) die 'repository.json is damaged: take the one of a copy of this repository' ;;
  esac
  is_authentic repository.json || die 'repository.json does not authenticate'
}

# ---- frames ----

# Sets frame_key for the salt $1. Each thread of a writer draws a salt of its own.
frame_key_of() {
  eval "frame_key=\${frame_key_$1:-}"
  [ -z "$frame_key" ] || return 0
  frame_key=$({ printf 'lifeboat-frame-1\n'; from_hex "$1"; } | hmac_of_input "$data_key")
  eval "frame_key_$1=\$frame_key"
}

zeros=0000000000000000000000000000000000000000000000000000000000000000

# Reads the header at offset $2 of file $1 into frame_kind, frame_flags, frame_nonce, frame_id, frame_key, plain_bytes,
# payload_bytes and frame_bytes. Returns 1 if it is none that this repository may have.
read_header() {
  # shellcheck disable=SC2046
  set -- $(od -An -v -tx1 -j "$2" -N 76 "$1" 2>/dev/null)
  [ $# = 76 ] && [ "$1$2$3$4$7$8" = 4c4246310000 ] || return 1
  frame_kind=$5 frame_flags=$6
  plain_bytes=$((0x$9${10}${11}${12})) payload_bytes=$((0x${13}${14}${15}${16}))
  shift 16
  salt=$1$2$3$4$5$6$7$8$9${10}${11}${12}${13}${14}${15}${16}
  shift 16
  frame_nonce=$1$2$3$4$5$6$7$8$9${10}${11}${12}
  shift 12
  frame_id=$1$2$3$4$5$6$7$8$9${10}${11}${12}${13}${14}${15}${16}
  shift 16
  frame_id=$frame_id$1$2$3$4$5$6$7$8$9${10}${11}${12}${13}${14}${15}${16}
  # The largest segment of PostgreSQL and the line before it.
  [ "$payload_bytes" -le "$plain_bytes" ] && [ "$plain_bytes" -le 1073807360 ] || return 1
  frame_bytes=$((76 + payload_bytes))
  case $frame_flags in
  00 | 02) [ "$encryption" = none ] && [ "$salt$frame_nonce" = "${zeros%????????}" ] ;;
  01 | 03)
    [ "$encryption" != none ] || return 1
    frame_bytes=$((frame_bytes + 16))
    frame_key_of "$salt"
    ;;
  *) return 1 ;;
  esac
}

# The payload of the frame at offset $2 of file $1, after read_header: decrypted, still compressed.
payload_of() {
  case $frame_flags in
  01 | 03) bytes_at "$(($2 + 76))" "$payload_bytes" "$1" | decrypt "$frame_key" "$frame_nonce" ;;
  *) bytes_at "$(($2 + 76))" "$payload_bytes" "$1" ;;
  esac
}

# Writes the plaintext of the frame of kind $3 (two hex digits) at offset $2 of file $1 to file $4. Returns 1 if anything
# about it is not what was written.
open_frame() {
  read_header "$1" "$2" && [ "$frame_kind" = "$3" ] || return 1
  case $frame_flags in
  # No more than the header says: what comes out is not yet known to be ours.
  02 | 03) payload_of "$1" "$2" | zstd -q -d -c 2>/dev/null | head -c "$((plain_bytes + 1))" >"$4" ;;
  *) payload_of "$1" "$2" >"$4" ;;
  esac
  [ "$(size_of "$4")" = "$plain_bytes" ] && [ "$(id_of_input <"$4")" = "$frame_id" ]
}

# Writes the JSON document $1 to file $2 with its sealed details in their places; $3 is a path of jq to the object that has
# them. Where they cannot be opened the clear ones stay, and it returns 1.
open_details() {
  cp "$1" "$2"
  grep -q '"sealed":' "$1" || return 0
  sealed=$(jq -r "$3 | .sealed? // empty | strings" "$1")
  [ -n "$sealed" ] || return 0
  printf '%s' "$sealed" | openssl base64 -d -A >"$work/details.frame" 2>/dev/null || :
  if open_frame "$work/details.frame" 0 04 "$work/details" &&
    jq --slurpfile details "$work/details" "$3 |= (del(.sealed) + \$details[0])" "$1" >"$2" 2>/dev/null; then return; fi
  cp "$1" "$2"
  return 1
}

# ---- recovery points ----

jq_common='
def count: type == "number" and . >= 0 and . == floor and . <= 9007199254740991;
def hex($digits): type == "string" and test("\\A[0-9a-f]{\($digits)}\\z");
'

# What is wrong with a manifest that authenticates: the name of a member; nothing where it is sound.
jq_manifest_fault="$jq_common"'
def text: type == "string";
def time: text and test("\\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?Z\\z");
def lsn: text and test("\\A[0-9A-F]{1,8}/[0-9A-F]{1,8}\\z");
def of($wanted): type == $wanted;
def chain: of("object") and (.base | text) and (.timeline | count) and .timeline > 0 and (.endLsn | lsn)
  and (.walBytes | count) and (.forecastSeconds | of("number")) and .forecastSeconds >= 0;
# Its id becomes the name of a folder.
def component: of("object") and (.id | text and test("\\A[A-Za-z0-9_][A-Za-z0-9._-]*\\z"))
  and (.kind as $kind | ["postgres", "redis", "vectorstore", "models", "files"] | index([$kind])) != null
  and (.host | text) and (.indexId | hex(32)) and ([.files, .bytes, .storedBytes] | all(count))
  and ([.capturedFrom, .capturedUntil] | all(time))
  and (.quiescence as $how | ["quiesced", "stable-window", "snapshot", "unproven"] | index([$how])) != null
  and (.suspect | of("boolean")) and (.facts | of("object")) and ((has("chain") | not) or (.chain | chain));
def file: of("object") and (.filename | text) and (.size | count) and (.checksum | hex(64))
  and (.path | text and test("\\A[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\\z"));
def failure: of("object") and ([.component, .code, .message] | all(text));
def refutation: of("object") and ([.timestamp, .state] | all(text)) and (.number | count)
  and ([.levels, .components] | all(of("array") and all(text)))
  and ((has("at") | not) or (.at | text)) and ((has("unreadableManifest") | not) or (.unreadableManifest | of("boolean")));
def fault($name; condition): if (try condition catch false) then empty else $name end;
def faults($timestamp):
  fault("newer"; (.lifeboat | objects | .format | numbers | . > 1) // false | not),
  fault("timestamp"; .timestamp == $timestamp),
  fault("lifeboat"; .lifeboat | of("object")),
  fault("lifeboat.format"; .lifeboat.format == 1),
  fault("lifeboat.repositoryId"; .lifeboat.repositoryId == $repository),
  fault("datetime"; .datetime | time),
  fault("success"; .success | of("boolean")),
  fault("total_size"; .total_size | count),
  fault("configuration"; .configuration | of("object")),
  fault("backup_files"; .backup_files | of("array") and all(file)),
  (["appliance", "tool"][] as $name | fault("lifeboat." + $name; .lifeboat[$name] | text)),
  (["startedAt", "sealedAt"][] as $name | fault("lifeboat." + $name; .lifeboat[$name] | time)),
  fault("lifeboat.type"; .lifeboat.type as $type
    | ["full", "incremental", "critical", "configuration", "monitoring"] | index([$type]) != null),
  fault("lifeboat.skewSeconds"; .lifeboat.skewSeconds | of("number") and . >= 0),
  fault("lifeboat.components"; .lifeboat.components | of("array") and all(component)),
  fault("lifeboat.components, of which two have one id"; .lifeboat.components | map(.id) | length == (unique | length)),
  fault("lifeboat.failures"; .lifeboat.failures | of("array") and all(failure)),
  fault("lifeboat.workflow"; .lifeboat.workflow | . == null or (of("object") and ([.id, .runId] | all(text)))),
  fault("lifeboat.previous"; .lifeboat | has("previous")
    and (.previous | . == null or (of("object") and ([.timestamp, .digest] | all(text))))),
  fault("lifeboat.missing"; .lifeboat | (has("missing") | not) or (.missing | of("array") and all(text))),
  fault("lifeboat.refuted"; .lifeboat | (has("refuted") | not) or (.refuted | of("array") and all(refutation)));
def first_fault($timestamp): [faults($timestamp)][0] // "";
'

# Sets manifest_key of the timestamp $1. Returns 1 where it is none, or no date that there is.
manifest_key_of() {
  case $1 in
  [0-9][0-9][0-9][0-9][0-1][0-9][0-3][0-9]_[0-2][0-9][0-5][0-9][0-5][0-9]) ;;
  *) return 1 ;;
  esac
  year=${1%???????????}
  month=${1#????}
  month=${month%?????????}
  day=${1#??????}
  day=${day%???????}
  manifest_key=manifests/$year/$month/$day/backup_manifest_$1.json
}

# Sets manifest, a file with the authentic manifest of timestamp $1, its details in their places.
open_manifest() {
  timestamp=$1
  manifest_key_of "$1" || die "$1 is not a timestamp like 20261122_020000"
  [ -f "$repository/$manifest_key" ] || die "there is no recovery point $1"
  is_authentic "$manifest_key" || die "$manifest_key does not authenticate: it is damaged or forged"
  manifest=$work/manifest
  opened=true
  open_details "$repository/$manifest_key" "$manifest" .lifeboat 2>/dev/null || opened=false
  fault=$(jq -r --arg timestamp "$1" --arg repository "$repository_id" \
    "$jq_manifest_fault first_fault(\$timestamp)" "$manifest" 2>/dev/null) || fault='it is no JSON'
  case $fault in
  '') ;;
  newer) die "$manifest_key has a newer format; look for a newer restore.sh" ;;
  *) die "$manifest_key is malformed or belongs elsewhere: $fault" ;;
  esac
  [ "$opened" = true ] || die "$manifest_key has a sealed part that cannot be opened"
}

# Keys of all manifests, oldest first. What has another name is none.
manifest_keys() {
  find "$repository/manifests" -name 'backup_manifest_*.json' 2>/dev/null | sed 's|.*/backup_manifest_||; s|\.json$||' |
    sort -u | while read -r timestamp; do
    if manifest_key_of "$timestamp" && [ -f "$repository/$manifest_key" ]; then printf '%s\n' "$manifest_key"; fi
  done
}

# Keys of the proofs of timestamp $1. A file with another name is none.
proof_keys() {
  for proof in "$repository/proofs/$1"/????*.json; do
    number=${proof##*/}
    number=${number%.json}
    case $number in *[!0-9]* | ??????????*) continue ;; esac
    [ ! -f "$proof" ] || printf 'proofs/%s/%s.json\n' "$1" "$number"
  done
}

# The documents whose keys are on standard input, each as an object of its key and its value. What is no JSON is left out:
# in an open repository anybody can write what authenticates.
stream_of() {
  while read -r key; do
    [ "$encryption" != none ] || jq -e 'type == "object"' "$repository/$key" >/dev/null 2>&1 || continue
    printf '{"key": "%s", "value": ' "$key"
    cat "$repository/$key"
    echo '}'
  done
}

# From proofs and refutations (what spoke against a point and is gone or damaged counts on): of each point the state of a
# failure that no newer proof has lifted, else of the newest one. Where only reports and later manifests tell of a failure
# it is "doubtful": in a copy they tell of the repository.
jq_states='
def texts: if type == "array" then map(strings) else [strings] end;
def is_bad: . == "failed" or . == "quarantined";
def refuted: .state == "failed" or .state == "quarantined";
def lifts($failure):
  (.levels + (if .levels | index("L1") then ["L1-presence"] else [] end)
    + (if .state != null then ["L3"] else [] end)) as $deep
  | ($failure.levels - $deep | length == 0)
    and (($failure.levels | index("L4") | not) or ($failure.components - .components | length == 0));
def verdict: {levels: ((.levels | arrays) // .level | texts), components: (.components | texts), state: (.state | strings // null)};
def state:
  sort_by(-.number) | map(.proof | verdict) as $all
  | [range($all | length) as $at | $all[$at] | select(refuted)
      | select(. as $failure | [$all[:$at][] | select(refuted | not) | select(lifts($failure))] | length == 0) | .state][0]
    // [$all[] | select(.state != null and (refuted | not)) | .state][0];
def noted: objects | {number: (.number | numbers), proof: .};
def with($more): map(.name) as $names | . + ($more | map(select(.name as $name | $names | index([$name]) | not)));
[inputs | (.key | split("/")) as $key
  | if $key[0] == "proofs" then {timestamp: $key[1], number: ($key[2][:-5] | tonumber), proof: .value, from: "proof"}
    elif $key[0] == "refutations" then {timestamp: $key[1][:-5], from: "refutation"} + (.value.proofs[]? | noted)
    elif $key[0] == "reports" then {timestamp: $key[2][:-5], from: "elsewhere"} + (.value.proofs[]? | noted)
    else .value.lifeboat.refuted[]? | {timestamp: .timestamp?, from: "elsewhere"} + noted end
  | . + {name: "\(.number) \(.proof.at? | strings // "")"}]
| group_by(.timestamp)[] | . as $group
| (map(select(.from == "proof")) | with($group | map(select(.from == "refutation")))) as $here
| ($here | state) as $state
| {timestamp: .[0].timestamp, state: (if ($state | is_bad | not) and ($here | with($group | map(select(.from == "elsewhere"))) | state | is_bad)
    then "doubtful" else $state end)}'

# What the authentic proofs of the timestamps on standard input say, and the authentic manifests whose keys are in the file
# $1, as JSON.
states_of() {
  while read -r timestamp; do
    proof_keys "$timestamp"
    for key in "refutations/$timestamp.json" "reports/refuted/$timestamp.json"; do
      if [ -f "$repository/$key" ]; then printf '%s\n' "$key"; fi
    done
  done >"$work/proofs"
  authentic_of <"$work/proofs" >"$work/proofs.good"
  lines_beyond "$work/proofs.good" "$work/proofs" | sed 's/^/warning: passed over, for it does not authenticate: /' >&2
  cat "$work/proofs.good" "$1" | stream_of | jq -n -c "$jq_states"
}

# The state of one timestamp.
state_of() {
  manifest_keys >"$work/manifests"
  authentic_of <"$work/manifests" >"$work/authentic"
  printf '%s\n' "$1" | states_of "$work/authentic" | jq -r --arg timestamp "$1" 'select(.timestamp == $timestamp) | .state // empty'
}

# Lines of a word that says what they are: `point` and `bad` for people, `previous` for list_gaps.
jq_list='
def notes($state):
  (.lifeboat.components[] | select(.suspect) | "suspect: \(.id)"),
  (.lifeboat.components[] | select(.chain) | "\(.id): base \(.chain.base) and archived WAL up to \(.chain.endLsn)"),
  (if $state == "failed" then "ITS VERIFICATION FAILED"
    elif $state == "doubtful" then "A VERIFICATION OF IT FAILED, here or where this is copied from, and its proof is not here"
    elif $state == "quarantined" then "QUARANTINED: its damage was found when it was verified" else empty end);
def point($notes):
  "\(.timestamp)  \(if .success then "complete  " else "incomplete" end)  \(.total_size) bytes"
  + "  \([.lifeboat.components[].id] | join(" "))\($notes | map("  [\(.)]") | join(""))";
($states | map({key: .timestamp, value: .state}) | from_entries) as $states
| inputs | (.key | split("/") | last | .[16:-5]) as $timestamp | .value
| first_fault($timestamp) as $fault
| if $fault == "newer" then "bad \($timestamp)  NEWER FORMAT: look for a newer restore.sh"
  elif $fault != "" then "bad \($timestamp)  MALFORMED, or of another repository: \($fault)"
  else
    "point \(point([notes($states[$timestamp])]))",
    (.lifeboat | (.previous | select(. != null) | "previous \(.timestamp) \(.digest) \($timestamp)"),
      (.missing[]? | strings | "previous \(.) - \($timestamp)"))
  end'

# One line a point. Returns 1 where one is damaged, forged, of a newer format or gone.
list_points() {
  manifest_keys >"$work/manifests"
  authentic_of <"$work/manifests" >"$work/authentic"
  timestamps_of <"$work/authentic" | states_of "$work/authentic" >"$work/states"
  stream_of <"$work/authentic" |
    jq -n -r --slurpfile states "$work/states" --arg repository "$repository_id" "$jq_manifest_fault $jq_list" >"$work/listing"
  lines_beyond "$work/authentic" "$work/manifests" | timestamps_of | sed 's/.*/bad &  DAMAGED OR FORGED/' >>"$work/listing"
  timestamps_of <"$work/authentic" | while read -r timestamp; do
    grep -q "^[a-z]* $timestamp  " "$work/listing" || echo "bad $timestamp  MALFORMED: it is no JSON"
  done >>"$work/listing"
  list_gaps >>"$work/listing"
  list_lost >>"$work/listing"
  sed -n 's/^point //p; s/^bad //p' "$work/listing" | sort -u
  ! grep -q '^bad ' "$work/listing"
}

timestamps_of() {
  sed 's|.*/backup_manifest_||; s|\.json$||'
}

# Every manifest names the one before it, and those that were gone by then: what was taken away or exchanged is noticed.
# Retention leaves the manifest of what it takes below tombstones/.
list_gaps() {
  sed -n 's/^previous //p' "$work/listing" | while read -r timestamp digest by; do
    manifest_key_of "$timestamp" || continue
    if [ -f "$repository/$manifest_key" ]; then
      # A damaged one has its line already.
      if [ "$digest" = - ] || ! grep -qxF "$manifest_key" "$work/authentic"; then continue; fi
      [ "$(sha256_of_input <"$repository/$manifest_key")" = "$digest" ] ||
        echo "bad $timestamp  EXCHANGED: it is not the manifest that $by names"
    elif [ -f "$repository/tombstones/$manifest_key" ] && is_authentic "$manifest_key" "$repository/tombstones/$manifest_key"; then
      echo "point $timestamp  taken by retention, says its tombstone"
    else
      echo "bad $timestamp  GONE, but $by names it"
    fi
  done
}

# No manifest names the newest ones. That they were sealed say their proofs, which are of this place alone, and reports of
# backups, which in a copy may be ahead of the points.
list_lost() {
  newest=$(timestamps_of <"$work/manifests" | tail -n 1)
  for folder in "$repository"/proofs/*/; do
    timestamp=${folder%/}
    timestamp=${timestamp##*/}
    is_absent "$timestamp" || continue
    proof_keys "$timestamp" | authentic_of | stream_of | jq -n -e 'any(inputs; .value.unreadableManifest != true)' >/dev/null 2>&1 &&
      echo "bad $timestamp  GONE, but its proofs are here"
  done >"$work/lost"
  cat "$work/lost"
  # Only the few that may say so are authenticated.
  find "$repository"/reports/*Backup -type f -name '*.json' -exec awk -v newest="$newest" '
    match($0, /"backup": *"[0-9_]*"/) {
      said = substr($0, RSTART, RLENGTH)
      gsub(/[^0-9_]/, "", said)
      if (said "" > newest "") print FILENAME
    }' {} + 2>/dev/null | sed 's|^.*/\(reports/[^/]*/[^/]*\)$|\1|' | grep -x 'reports/[A-Za-z0-9._/-]*' | sort -u >"$work/reports"
  authentic_of <"$work/reports" | stream_of | jq -n -r --arg newest "$newest" '
    inputs.value | select(.state == "sealed" or .state == "partial" or .state == "suspect") | .backup | strings
    | select(. > $newest)' | sort -u | while read -r timestamp; do
    is_absent "$timestamp" && ! grep -q "^bad $timestamp " "$work/lost" || continue
    echo "point $timestamp  NOT HERE, though a report says that it was sealed; in a copy it may be on its way"
  done
}

# Whether nothing lies under timestamp $1 that could be a point, and no tombstone says where it went.
is_absent() {
  manifest_key_of "$1" || return 1
  [ ! -f "$repository/$manifest_key" ] &&
    ! { [ -f "$repository/tombstones/$manifest_key" ] && is_authentic "$manifest_key" "$repository/tombstones/$manifest_key"; }
}

show_point() {
  open_manifest "$1"
  state=$(state_of "$1")
  jq --arg state "$state" '{timestamp, datetime, success, type: .lifeboat.type, total_size, state: $state,
    components: [.lifeboat.components[] | {id, kind, files, bytes, quiescence, suspect, facts} + (if .chain then {chain} else {} end)],
    failures: .lifeboat.failures}' "$manifest"
  say_notes
}

# What people should know of a component; of all where none is named.
say_notes() {
  jq -r --arg only "${1:-}" '.lifeboat.components[] | select($only == "" or $only == .id)
    | (select(.suspect) | "\(.id): suspect: it was damaged already when it was captured"),
      (select(.facts.leftOut | type == "object") | "\(.id): left out when it was captured: "
        + (.facts.leftOut | to_entries | map("\(.value) \(.key)") | join(", "))),
      (select(.chain) | "\(.id): this point is its base \(.chain.base) with the archived WAL up to \(.chain.endLsn)"
        + " on timeline \(.chain.timeline); restore brings both")' "$manifest" >&2
}

# ---- indexes ----

# Writes the entries of index $1, whose SHA-256 is $2, as JSON lines to $work/entries, the head of its last frame to
# $work/head and the ids of its packs to $work/packs.
read_index() {
  index=$repository/indexes/$1
  [ -f "$index" ] || { fail "indexes/$1 is gone"; return 1; }
  [ "$(sha256_of_input <"$index")" = "$2" ] ||
    { fail "indexes/$1 does not have the SHA-256 that the manifest names"; return 1; }
  index_bytes=$(size_of "$index")
  : >"$work/entries"
  at=0
  number=0
  last=false
  while [ "$last" = false ]; do
    open_frame "$index" "$at" 03 "$work/plain" || { fail "indexes/$1 is damaged at byte $at"; return 1; }
    [ "$(tail -c 1 "$work/plain" | to_hex)" = 0a ] || { fail "indexes/$1 has a line that is cut off at byte $at"; return 1; }
    head -n 1 "$work/plain" >"$work/head"
    # shellcheck disable=SC2046
    set -- "$1" $(jq -r '"\(.index) \(.frame) \(.format) \(.last // false)"' "$work/head" 2>/dev/null)
    [ "${2:-} ${3:-}" = "$1 $number" ] || { fail "indexes/$1 holds another frame at byte $at"; return 1; }
    [ "$4" = 1 ] || { fail "indexes/$1 has a newer format; look for a newer restore.sh"; return 1; }
    last=$5
    sed 1d "$work/plain" >>"$work/entries"
    at=$((at + frame_bytes))
    number=$((number + 1))
  done
  [ "$(bytes_at "$at" 8 "$index" | to_hex)" = "$(printf '%08x' "$frame_bytes")4c424931" ] && [ "$((at + 8))" = "$index_bytes" ] ||
    { fail "indexes/$1 goes on after its end, or is cut off"; return 1; }
  [ "$(jq -r .entries "$work/head" 2>/dev/null)" = "$(($(wc -l <"$work/entries")))" ] ||
    { fail "indexes/$1 holds other entries than it counts"; return 1; }
  jq -r --arg component "$component" "$jq_common"'if .component != $component then error("") else
    .packs[] | if (.id | hex(64)) and (.size | count) then .id else error("") end end' "$work/head" >"$work/packs" 2>/dev/null ||
    { fail "indexes/$1 is of another component, or its table of packs is malformed"; return 1; }
}

# Entries as lines of words for the loops below. A name stands as `=name` where it has no blank and no control character,
# else as `~` and its bytes in octal. Everything that an index must not say is refused here, before anything is written:
# S lines are for what concerns several entries (see awk_relations).
jq_lines="$jq_common"'
def of($wanted): type == $wanted;
def octal3: "\(. / 64 | floor)\(. / 8 | floor | . % 8)\(. % 8)";
def utf8: explode | map(
  if . < 128 then . elif . < 2048 then 192 + (. / 64 | floor), 128 + . % 64
  elif . < 65536 then 224 + (. / 4096 | floor), 128 + (. / 64 | floor) % 64, 128 + . % 64
  else 240 + (. / 262144 | floor), 128 + (. / 4096 | floor) % 64, 128 + (. / 64 | floor) % 64, 128 + . % 64 end);
def is_base64: of("string") and test("\\A([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\\z");
def bytes64:
  [explode[] | if . >= 97 then . - 71 elif . >= 65 then . - 65 elif . >= 48 and . <= 57 then . + 4
    elif . == 43 then 62 elif . == 47 then 63 else empty end] as $digits
  | ($digits | length) as $n
  | [range(0; $n; 4) as $i
    | $digits[$i] * 4 + ($digits[$i + 1] / 16 | floor),
      (select($i + 2 < $n) | $digits[$i + 1] % 16 * 16 + ($digits[$i + 2] / 4 | floor)),
      (select($i + 3 < $n) | $digits[$i + 2] % 4 * 64 + $digits[$i + 3])];
def word_of_bytes: "~" + (map("\\0" + octal3) | join(""));
def word: if . == "" or test("[\\x00-\\x20\\x7f]") then utf8 | word_of_bytes else "=" + . end;
def is_safe: (split("\u0000") | length == 1) and . != "" and (split("/") | all(. != "" and . != "." and . != ".."));
def refuse($why): error("the index \($why)");
def shown: tojson | .[0:200];
def hex_digit: "0123456789ABCDEF"[.:. + 1];
# The bytes of a name, as something to compare by and as a word: of the text, or of the base64 where there is one.
def name_of($text; $base64):
  if $text | (of("string") and is_safe) | not then refuse("names the unsafe path \($text | shown)")
  elif $base64 == null then {key: ($text | @uri), word: ($text | word)}
  elif $base64 | is_base64 | not then refuse("has a malformed name \($text | shown)")
  else ($base64 | bytes64) as $bytes
    | if $bytes | implode | is_safe | not then refuse("names an unsafe path by its bytes: \($text | shown)") else
        {key: ($bytes | map(if . < 128 then [.] | implode | @uri else "%" + (. / 16 | floor | hex_digit) + (. % 16 | hex_digit) end)
           | join("")), word: ($bytes | word_of_bytes)} end
  end;
def mode: . % 4096 | "\(. / 512 | floor)\(. % 512 | octal3)";
# UTC as year_month_day_hour_minute_second_nanoseconds: any of them may become a part of a name of a variable.
def when:
  (if .[0:1] == "-" then [true, .[1:]] else [false, .] end) as [$isBefore, $digits]
  | (if $digits | length > 9 then $digits[:-9] | tonumber else 0 end) as $seconds
  | (("000000000" + $digits)[-9:] | tonumber) as $rest
  | (if $isBefore | not then [$seconds, $rest] elif $rest == 0 then [-$seconds, 0]
    else [-$seconds - 1, 1000000000 - $rest] end) as [$s, $ns]
  | if $s < -62135596800 or $s > 253402300799 then "-" else
      ($s | gmtime | strftime("%Y_%m_%d_%H_%M_%S")) + "_" + ("000000000\($ns)")[-9:] end;
def owner: "\((.user | strings | $ids[0].users[.]) // .uid | . + 0):\((.group | strings | $ids[0].groups[.]) // .gid | . + 0)";
def attribute_bytes: length / 4 * 3 - (if endswith("==") then 2 elif endswith("=") then 1 else 0 end);
# As setfattr reads them, with commas between; ACLs last, for they may take the right to write.
def attributes:
  if .xattrs == null then "-"
  elif .xattrs | of("object") | not then refuse("holds malformed attributes of \(.path | shown)")
  else .xattrs | to_entries
    | map((.key | utf8 | length) as $length
      | if $length > 255 or (.key | test("\\A(user\\.[^\\x00]+|system\\.posix_acl_(access|default)|security\\.capability)\\z") | not)
        then refuse("names the attribute \(.key | shown), which no backup carries")
        elif .value | is_base64 | not then refuse("holds a malformed value of the attribute \(.key | .[0:80])")
        elif .value | attribute_bytes > 65536 then refuse("holds a value of the attribute \(.key | .[0:80]) that is too long")
        else {last: (.key | startswith("system.")), bytes: ($length + (.value | attribute_bytes)),
          line: ((.key | utf8 | map("\\" + octal3) | join("")) + (if .value == "" then "" else "=0s" + .value end))} end)
    | if map(.bytes) | add // 0 | . > 262144 then refuse("holds too many attributes of one entry") else . end
    | sort_by(.last) | map(.line) | join(",") | if . == "" then "-" else . end
  end;
def block($path): if (of("array") and length == 5 and (.[3] | hex(64)) and ([.[0, 1, 2, 4]] | all(count)) and .[4] > 0)
  then if .[0] < ($head[0].packs | length) and .[1] + .[2] <= $head[0].packs[.[0]].size
    then "B \(.[0] + 0) \(.[1] + 0) \(.[2] + 0) \(.[3]) \(.[4] + 0)"
    else refuse("names a block outside of its pack for \($path | shown)") end
  else refuse("holds a malformed block of \($path | shown)") end;
def sound:
  if of("object") | not then refuse("holds a line that is no entry")
  elif .type as $type | ["file", "directory", "symlink", "hardlink"] | index([$type]) | not
    then refuse("holds an entry of the type \(.type | shown)")
  elif ([.mode, .uid, .gid] | all(count)) and (.mtimeNs | of("string") and test("\\A-?[0-9]{1,20}\\z"))
    and (.pathBase64 | . == null or of("string")) and (.type == "directory" or .type == "file" or (.target | of("string")))
    and (.type != "file" or ((.size | count) and (.sha256 | hex(64)) and (.blocks | of("array"))))
    and (.xattrs == null or .type == "file" or .type == "directory")
    then if .type == "file" and (.size != ([.blocks[] | arrays | .[4] | numbers] | add // 0))
      then refuse("claims another size than its blocks have for \(.path | shown)") else . end
  else refuse("holds a malformed entry: \(.path | shown)") end;
def file($place; $name):
  "F \(.mode | mode) \(.mtimeNs | when) \(owner) \(.sha256) \(.blocks | length) \(attributes) \($place) \($name)",
  (.path as $path | .blocks[] | block($path));
def lines:
  sound
  | name_of(.path; .pathBase64) as {$key, $word}
  | if .path == ".lifeboat" or (.path | startswith(".lifeboat/")) then
      # Checked, too, but only what the engine had beside its data is written.
      [attributes, (.blocks | arrays | .[] | block("")), (select(.target) | name_of("x"; null))] as $checked
      | if .path == ".lifeboat/facts.json" and .type == "file" then file("facts"; "=facts.json")
        elif $kind == "postgres" and .type == "file" and .pathBase64 == null and (.path | startswith(".lifeboat/config/")) then
          .path[1:] as $place | "S f \($place | @uri)", file("target"; $place | word)
        else empty end
    elif .type == "file" then "S f \($key)", file("target"; $word)
    elif .type == "directory" then "S d \($key)", "D \($word)",
      "T \($key | length) \(.mode | mode) \(.mtimeNs | when) \(owner) \(attributes) \($word)"
    elif $kind == "postgres" then
      # Links could have a server write elsewhere. Those to tablespaces are made anew.
      if .path | test("\\Apg_tblspc/[^/]+\\z") then empty else refuse("names \(.path | shown), which is a \(.type)") end
    elif .type == "hardlink" then name_of(.target; .targetBase64) as $goal | "S h \($key) \($goal.key)", "H \($goal.word) \($word)"
    else (if .targetBase64 == null then .target | utf8 elif .targetBase64 | is_base64 then .targetBase64 | bytes64 else [] end) as $bytes
      | (if $bytes == [] or ($bytes | index([0])) then refuse("has a malformed link \(.path | shown)")
        elif .targetBase64 == null then .target | word else $bytes | word_of_bytes end) as $goal
      | "S l \($key)", "L \(.mtimeNs | when) \(owner) \($goal) \($word)"
    end;
'

# No name twice, nothing below what is no folder, hard links only to files. The other lines go into files by their kind.
awk_relations='
function refuse(why) { print "the index " why; bad = 1; exit 1 }
$1 == "S" {
  if ($3 in type && (type[$3] != "d" || $2 != "d")) refuse("names " $3 " twice")
  type[$3] = $2
  if ($2 == "h") goal[$3] = $4
  next
}
{ print > (ENVIRON["work"] "/" ($1 == "B" ? "F" : $1)) }
END {
  if (bad) exit 1
  for (key in type) {
    parts = split(key, part, "%2F")
    above = part[1]
    for (at = 2; at <= parts; at++) {
      if ((above in type) && type[above] != "d") refuse("names " key ", which lies below " above ", and that is no folder")
      above = above "%2F" part[at]
    }
  }
  for (key in goal)
    if (!(goal[key] in type) || type[goal[key]] != "f") refuse("names the hard link " key " to " goal[key] ", which is no file")
}'

# Users and groups of this host, by name: a recorded name wins over its number. Only root gives files away.
read_ids() {
  echo '{"users": {}, "groups": {}}' >"$work/ids"
  [ "$is_root" = true ] || return 0
  for table in passwd group; do
    if [ -r "/etc/$table" ]; then cat "/etc/$table"; fi |
      jq -R -s 'split("\n") | map(split(":") | select(length > 2 and .[0] != "" and (.[2] | test("\\A[0-9]+\\z")))
        | {key: .[0], value: (.[2] | tonumber)}) | reverse | from_entries' >"$work/$table"
  done
  jq -n --slurpfile users "$work/passwd" --slurpfile groups "$work/group" '{users: $users[0], groups: $groups[0]}' >"$work/ids"
}

# Writes $work/F, D, H, L and T from $work/entries. Returns 1 for what must not be restored.
plan_entries() {
  for lines in F D H L T; do : >"$work/$lines"; done
  # A program of jq may end in a message of its own, or in one of jq about a line that is no JSON.
  if jq -n -r --slurpfile ids "$work/ids" --slurpfile head "$work/head" --arg kind "$component_kind" \
    "$jq_lines inputs | lines" "$work/entries" >"$work/lines" 2>"$work/why"; then
    awk "$awk_relations" "$work/lines" >"$work/why" && return 0
  fi
  fail "refused: $(sed -n '1s/^jq: error ([^)]*): //;1p' "$work/why" | tr -d '\000-\037\177' | cut -c1-300)"
  return 1
}

# ---- files ----

# Sets the variable $1 to the name that jq wrote as the word $2, line feeds at the end included.
decode_name() {
  case $2 in
  =*) eval "$1=\${2#=}" ;;
  *)
    decoded=$(printf '%b.' "${2#?}")
    eval "$1=\${decoded%.}"
    ;;
  esac
}

# For people: the name where it can be printed.
shown_name() {
  case $1 in
  =*) printf '%s' "${1#=}" ;;
  *) printf '%s' "${1#?}" | sed 's/\\0/\\/g' ;;
  esac
}

# Gives files the owner, mode or time $2; $1 says which.
give() {
  what=$1 value=$2
  shift 2
  [ $# != 0 ] || return 0
  case $what in
  owner) [ "$is_root" = false ] || chown "$value" "$@" || say "warning: cannot give all files to $value" ;;
  mode) chmod "$value" "$@" || say "warning: cannot give all files the mode $value" ;;
  time)
    [ "$value" != - ] || return 0
    set_time "$value" "$@" || say 'warning: cannot set the times of all files'
    ;;
  esac
}

# Sets the time of files to the UTC time $1, as jq wrote it.
set_time() {
  iso=$1
  shift
  parts_of_time "$iso"
  if [ "$has_fractions" = true ]; then touch -d "$iso_time" "$@"; else TZ=UTC0 touch -t "$short_time" "$@"; fi
}

parts_of_time() {
  old_ifs=$IFS
  IFS=_
  # shellcheck disable=SC2086
  set -- $1
  IFS=$old_ifs
  iso_time=$1-$2-$3T$4:$5:$6.$7Z
  short_time=$1$2$3$4$5.$6
}

# Files of one owner, mode or time of a batch are given it by one process: add_to_group KIND VALUE FILE.
add_to_group() {
  group=$2
  case $group in *:*) group=${group%%:*}_${group#*:} ;; -) return 0 ;; esac
  eval "members=\${group_$1_$group:-}"
  [ -n "$members" ] || eval "groups_$1=\"\${groups_$1:-} $2\""
  eval "group_$1_$group=\"\$members $3\""
}

give_groups() {
  eval "values=\${groups_$1:-}"
  for value in $values; do
    group=$value
    case $group in *:*) group=${group%%:*}_${group#*:} ;; esac
    eval "members=\$group_$1_$group"
    # Times are of a million kinds, and a shell is slow with a million variables.
    unset "group_$1_$group"
    # shellcheck disable=SC2086
    give "$1" "$value" $members
  done
  eval "groups_$1="
}

# Adds the attributes $2 (as jq wrote them) of the file with the name in octal $1 to $work/attributes.
note_attributes() {
  {
    printf '# file: %s\n' "$1"
    printf '%s\n' "$2" | tr ',' '\n'
    echo
  } >>"$work/attributes"
  attributes_noted=$((attributes_noted + $(printf '%s\n' "$2" | tr ',' '\n' | wc -l)))
}

# After chown, which takes capabilities away, and before chmod, which may forbid to write user.* attributes.
give_attributes() {
  [ "$attributes_noted" != 0 ] || return 0
  if [ "$has_setfattr" = false ]; then
    lost=$((lost + attributes_noted))
  elif ! setfattr -h --restore="$work/attributes" 2>"$work/refused"; then
    say "warning: attributes that cannot be set: $(cat "$work/refused")"
    lost=$((lost + $(wc -l <"$work/refused")))
  fi
  : >"$work/attributes"
  attributes_noted=0
}

# Starts to fetch a block of a pack into the file $block of the current folder: number of the pack, offset, length of the
# frame, id, plain length. fresh=false where this batch has it already.
fetch_block() {
  block=b$1.$2
  fresh=false
  [ ! -e "$block" ] || return 0
  fresh=true
  # What is not as it must be stays empty, and no block has the id of that.
  : >"$block"
  blocks="$blocks $block"
  ids="$ids$4$nl"
  batch_blocks=$((batch_blocks + 1))
  batch_bytes=$((batch_bytes + $5))
  [ "$5" -le "$largest" ] || largest=$5
  eval "pack=\$pack_$1"
  pack_file=$repository/packs/${pack%"${pack#??}"}/$pack
  [ -f "$pack_file" ] && read_header "$pack_file" "$2" || return 0
  [ "$frame_kind $frame_bytes $frame_id $plain_bytes" = "01 $3 $4 $5" ] || return 0
  case $frame_flags in
  02 | 03)
    packed="$packed $block.zst"
    payload_of "$pack_file" "$2" >"$block.zst" &
    ;;
  *) payload_of "$pack_file" "$2" >"$block" & ;;
  esac
  running=$((running + 1))
  if [ "$running" = 4 ]; then
    wait
    running=0
  fi
}

# Unpacks the blocks of the batch and compares all ids at once. Sets bad to those that are damaged.
check_blocks() {
  wait
  running=0
  # What comes out is not yet known to be ours: no more than a block may have. Units of 512 or 1024 bytes.
  limit=$((largest / 512 + 2))
  # shellcheck disable=SC2086
  if [ -n "$packed" ] && ! (ulimit -f "$limit" || :; exec zstd -q -d -f $packed) 2>/dev/null; then
    for each in $packed; do
      (ulimit -f "$limit" || :; exec zstd -q -d -f "$each") 2>/dev/null || : >"${each%.zst}"
    done
  fi
  # shellcheck disable=SC2086
  if [ "$(codes_of "$id_key" $blocks 2>/dev/null)$nl" = "$ids" ]; then return; fi
  # A full disk must not look like a damaged repository.
  head -c "$((largest * 4))" /dev/zero >room 2>/dev/null || die "there is no room left for $into"
  rm -f room
  for block in $blocks; do
    id=${ids%%"$nl"*}
    ids=${ids#*"$nl"}
    [ "$(id_of_input <"$block")" != "$id" ] || continue
    bad="$bad $block "
    number=${block%.*}
    number=${number#b}
    eval "pack=\$pack_$number"
    eval "fault_${number}_${block#*.}=\"block $id in packs/${pack%"${pack#??}"}/$pack at byte ${block#*.}\""
  done
}

# Sets the fault of file number $1 from the damaged ones among the blocks that follow.
fault_of_blocks() {
  of=$1
  shift
  for block; do
    case $bad in *" $block "*) ;; *) continue ;; esac
    number=${block%.*}
    eval "fault_of_$of=\$fault_${number#b}_${block#*.}"
    return
  done
}

# The batch's blocks become files: put together, compared, given owner, attributes, mode and time, and then their names.
# Its jobs: `A file blocks…` appends, `E file …` is the end of a file (see write_files).
finish_batch() {
  exec 4>&-
  bad=
  [ -z "$blocks" ] || check_blocks
  files= sums=
  while read -r job file own mode when owner sum attributes place word <&5; do
    case $job in
    A)
      # shellcheck disable=SC2086
      set -- $own $mode $when $owner $sum $attributes $place $word
      [ -z "$bad" ] || fault_of_blocks "$file" "$@"
      eval "fault=\${fault_of_$file:-}"
      [ -n "$fault" ] || cat "$@" >>"f$file" || die "cannot write below $into"
      ;;
    E)
      if [ "$own" != - ]; then
        [ -z "$bad" ] || fault_of_blocks "$file" "$own"
      else
        own=f$file
        : >>"$own"
      fi
      eval "fault=\${fault_of_$file:-}"
      [ -z "$fault" ] || continue
      files="$files $own"
      sums="$sums$sum$nl"
      ;;
    esac
  done 5<batch.list
  # shellcheck disable=SC2086
  if [ -n "$files" ] && [ "$(openssl dgst -sha256 -r $files | cut -c1-64)$nl" != "$sums" ]; then compare_sums; fi
  place_files
  rm -f b*
  blocks= ids= packed= largest=0 batch_blocks=0 batch_bytes=0
  exec 4>batch.list
}

# Finds which of the batch's files has another SHA-256 than the index says.
compare_sums() {
  while read -r job file own mode when owner sum rest <&5; do
    [ "$job" = E ] || continue
    eval "fault=\${fault_of_$file:-}"
    [ -z "$fault" ] || continue
    [ "$own" != - ] || own=f$file
    [ "$(sha256_of_input <"$own")" = "$sum" ] || eval "fault_of_$file='its SHA-256 differs'"
  done 5<batch.list
}

place_files() {
  while read -r job file own mode when owner sum attributes place word <&5; do
    [ "$job" = E ] && [ "$place" = target ] || continue
    eval "fault=\${fault_of_$file:-}"
    [ -z "$fault" ] || continue
    [ "$own" != - ] || own=f$file
    if [ "$is_root" = true ]; then add_to_group owner "$owner" "$own"; fi
    [ "$attributes" = - ] || note_attributes "$own" "$attributes"
    add_to_group mode "$mode" "$own"
    add_to_group time "$when" "$own"
  done 5<batch.list
  give_groups owner
  give_attributes
  give_groups mode
  give_groups time
  while read -r job file own mode when owner sum attributes place word <&5; do
    [ "$job" = E ] || continue
    [ "$own" != - ] || own=f$file
    eval "fault=\${fault_of_$file:-}"
    if [ -n "$fault" ]; then
      say "damaged: $(shown_name "$word"): $fault"
      rm -f "$own"
      failures=$((failures + 1))
    elif [ "$place" = facts ]; then
      mv -f "$own" "$work/facts.json"
    else
      decode_name name "$word"
      case $name in */*) [ -d "$into/${name%/*}" ] || mkdir -p "$into/${name%/*}" ;; esac
      # Two names that only this file system takes for one.
      if [ -e "$into/$name" ] || [ -L "$into/$name" ]; then die "$into/$name is there already"; fi
      if ! mv "$own" "$into/$name"; then
        rm -f "$own"
        failures=$((failures + 1))
      fi
      if [ "$component_kind $name" = 'postgres PG_VERSION' ]; then root_owner=$owner; fi
    fi
  done 5<batch.list
}

# Reads $work/F in the folder $stage, below $into: so a file gets its name only when it is whole.
write_files() {
  number=0
  while read -r pack <&3; do
    eval "pack_$number=\$pack"
    number=$((number + 1))
  done 3<"$work/packs"
  file_number=0 running=0 blocks= ids= packed= largest=0 batch_blocks=0 batch_bytes=0
  done_bytes=0 told_bytes=0
  exec 4>batch.list
  while read -r what a b c d e f g h <&3; do
    case $what in
    F)
      file_number=$((file_number + 1))
      ending="$a $b $c $d $f $g $h" left=$e count=$e taken=- parts=
      ;;
    B)
      fetch_block "$a" "$b" "$c" "$d" "$e"
      # The only block of a file becomes the file, unless another one has taken it.
      if [ "$count" = 1 ] && [ "$fresh" = true ]; then taken=$block; else parts="$parts $block"; fi
      left=$((left - 1))
      done_bytes=$((done_bytes + e))
      ;;
    esac
    if [ "$left" = 0 ] || [ "$batch_blocks" -ge 128 ] || [ "$batch_bytes" -ge 33554432 ]; then
      [ -z "$parts" ] || printf 'A %s%s\n' "$file_number" "$parts" >&4
      parts=
    fi
    if [ "$left" = 0 ]; then
      printf 'E %s %s %s\n' "$file_number" "$taken" "$ending" >&4
      files_of_batch=$((files_of_batch + 1))
    fi
    if [ "$batch_blocks" -ge 128 ] || [ "$batch_bytes" -ge 33554432 ] || [ "$files_of_batch" -ge 200 ]; then
      finish_batch
      files_of_batch=0
      tell_progress
    fi
  done 3<"$work/F"
  finish_batch
  exec 4>&-
}

# On a terminal: a restore may take hours.
tell_progress() {
  [ -t 2 ] && [ "$done_bytes" -ge "$((told_bytes + 268435456))" ] || return 0
  told_bytes=$done_bytes
  say "$component: $((done_bytes / 1048576)) of $((component_bytes / 1048576)) MiB"
}

make_folders() {
  set --
  while read -r what word <&3; do
    decode_name name "$word"
    set -- "$@" "$into/$name"
    if [ $# -ge 100 ]; then
      mkdir -p "$@"
      set --
    fi
  done 3<"$work/D"
  [ $# = 0 ] || mkdir -p "$@"
}

# Last of all: while files were written there was no link to be followed.
make_links() {
  while read -r what goal word <&3; do
    decode_name target "$goal"
    decode_name name "$word"
    case $name in */*) mkdir -p "$into/${name%/*}" ;; esac
    # The first name was left out where its content is damaged.
    if [ -f "$into/$target" ]; then ln "$into/$target" "$into/$name"; else failures=$((failures + 1)); fi
  done 3<"$work/H"
  while read -r what when owner goal word <&3; do
    decode_name target "$goal"
    decode_name name "$word"
    case $name in */*) mkdir -p "$into/${name%/*}" ;; esac
    ln -s -- "$target" "$into/$name"
    [ "$is_root" = false ] || chown -h "$owner" "$into/$name" || say "warning: cannot give $into/$name to $owner"
    if [ "$has_link_times" = true ] && [ "$when" != - ]; then
      parts_of_time "$when"
      touch -h -d "$iso_time" "$into/$name" || say "warning: cannot set the time of $into/$name"
    fi
  done 3<"$work/L"
}

# Deepest first: a mode or an ACL may lock us out of what lies below. Modes come after times, attributes before modes.
finish_folders() {
  sort -k2,2nr "$work/T" >"$work/folders"
  give_folders owner
  while read -r what length mode when owner attributes word <&3; do
    [ "$attributes" != - ] || continue
    decode_name name "$word"
    note_attributes "$(octal_of "$into/$name")" "$attributes"
  done 3<"$work/folders"
  # Those of links below are set already; an attribute changes no time.
  give_folders time
  give_attributes
  give_folders mode
}

# Every byte of $1 as setfattr reads it.
octal_of() {
  printf '%s' "$1" | od -An -v -to1 | tr -d '\n' | sed 's/ /\\/g'
}

# The owner, mode or time of all folders, neighbours that have the same at once.
give_folders() {
  step=$1 last=
  set --
  while read -r what length mode when owner attributes word <&3; do
    case $step in owner) each=$owner ;; mode) each=$mode ;; time) each=$when ;; esac
    if [ "$each" != "$last" ] || [ $# -ge 100 ]; then
      give "$step" "$last" "$@"
      set --
    fi
    last=$each
    decode_name name "$word"
    set -- "$@" "$into/$name"
  done 3<"$work/folders"
  give "$step" "$last" "$@"
}

# The folder itself has no entry: of a database the sealed facts have the mode, and the owner is that of its files; of
# other folders they have an `owner`.
jq_own_folder='
if $kind == "postgres" then "\(.dataDirectoryMode | if count then mode else "0700" end) - -"
elif (.owner | of("object")) and ([.owner | .mode, .uid, .gid] | all(count)) then .owner | "\(.mode | mode) \(owner) \(attributes)"
else empty end'

finish_own_folder() {
  own_attributes=- own_mode=
  if [ -f "$work/facts.json" ]; then
    # shellcheck disable=SC2046
    set -- $(jq -r --slurpfile ids "$work/ids" --slurpfile head "$work/head" --arg kind "$component_kind" \
      "$jq_lines $jq_own_folder" "$work/facts.json" 2>/dev/null)
    if [ $# = 3 ]; then
      own_mode=$1 own_attributes=$3
      [ "$2" = - ] || root_owner=$2
    fi
  fi
  [ -z "$root_owner" ] || give owner "$root_owner" "$into"
  if [ "$own_attributes" != - ]; then
    note_attributes "$(octal_of "$into")" "$own_attributes"
    give_attributes
  fi
  [ -z "$own_mode" ] || give mode "$own_mode" "$into"
}

# ---- databases ----

lsn_number() {
  lsn=$(((0x${1%/*} << 32) + 0x${1#*/}))
}

lsn_text() {
  printf '%X/%X' "$(($1 >> 32))" "$(($1 & 4294967295))"
}

# Sets segment_file to the name of the segment that begins at $2 on timeline $1.
segment_name() {
  per_log=$((4294967296 / segment_bytes))
  segment_file=$(printf '%08X%08X%08X' "$1" "$(($2 / segment_bytes / per_log))" "$(($2 / segment_bytes % per_log))")
}

# Writes what the archived object $1 holds to $stage/content and sets content_bytes. Returns 1 where it is damaged, or
# stands under another name than its own.
open_wal() {
  open_frame "$1" 0 05 "$stage/plain" && [ "$frame_bytes" = "$(size_of "$1")" ] || return 1
  head -n 1 "$stage/plain" >"$work/wal.head"
  [ "$(jq -r '"\(.component) \(.systemId) \(.name)"' "$work/wal.head" 2>/dev/null)" = "$component $system_id ${1##*/}" ] || return 1
  head_bytes=$(size_of "$work/wal.head")
  content_bytes=$((plain_bytes - head_bytes))
  tail -c "+$((head_bytes + 1))" "$stage/plain" >"$stage/content"
}

# The timelines from the base to the last one, as lines of number and end, oldest first.
timelines_to() {
  hex=$(printf '%08X' "$1")
  : >"$work/timelines"
  if [ "$1" != "$base_timeline" ]; then
    if ! [ -f "$archive/$hex/$hex.history" ] || ! open_wal "$archive/$hex/$hex.history"; then
      fail "the history of timeline $1 is missing or damaged in the archive"
      return 1
    fi
    grep '^[[:space:]]*[0-9][0-9]*[[:space:]][[:space:]]*[0-9A-Fa-f]*/[0-9A-Fa-f]' "$stage/content" | while read -r timeline at more; do
      lsn_number "$at"
      printf '%s %s\n' "$timeline" "$lsn"
    done >"$work/timelines"
  fi
  printf '%s %s\n' "$1" "$2" >>"$work/timelines"
  # Only from the one on which the base lies.
  : >"$work/line"
  while read -r timeline lsn <&3; do
    if [ -s "$work/line" ] || { [ "$timeline" = "$base_timeline" ] && [ "$from" -le "$lsn" ]; }; then
      printf '%s %s\n' "$timeline" "$lsn" >>"$work/line"
    fi
  done 3<"$work/timelines"
  [ -s "$work/line" ] || { fail "the base lies on no timeline that leads to timeline $1"; return 1; }
}

begin_segment() {
  end_segment
  segment=$1 filled=$1 is_whole=false current_file=$segment_file
  : >"$stage/segment"
}

# The rest of a segment is zero: there a recovery ends.
end_segment() {
  [ -n "$segment" ] || return 0
  if [ "$filled" -gt "$segment" ]; then
    [ "$((filled - segment))" = "$segment_bytes" ] || head -c "$((segment + segment_bytes - filled))" /dev/zero >>"$stage/segment"
    mv "$stage/segment" "$wal/$current_file"
    segments=$((segments + 1))
  fi
  segment=
}

# Adds bytes of file $1 from $2 (a position) on, where the file begins at position $3 and ends at $4.
add_stretch() {
  upto=$4
  [ "$upto" -le "$to" ] || upto=$to
  [ "$upto" -gt "$filled" ] || return 0
  tail -c "+$((filled - $3 + 1))" "$1" | head -c "$((upto - filled))" >>"$stage/segment"
  filled=$upto
}

# Puts segments of one timeline together that lead from position $from to $to, as far as the archive does. Sets reached.
write_timeline() {
  hex=$(printf '%08X' "$timeline")
  segment= reached=$from
  for piece in "$archive/$hex/$hex"????????????????*; do
    name=${piece##*/}
    case $name in *[!0-9A-F.-]*) continue ;; esac
    numbers=${name#????????}
    numbers=${numbers%"${numbers#????????????????}"}
    at=$(((0x${numbers%????????} << 32) + 0x${numbers#????????} * segment_bytes))
    case ${#name} in
    24) start=$at end=$((at + segment_bytes)) ;;
    58)
      numbers=${name#?????????????????????????}
      start=$((0x${numbers%-*})) end=$((0x${numbers#*-}))
      ;;
    *) continue ;;
    esac
    segment_name "$timeline" "$at"
    [ "${name%%.*}" = "$segment_file" ] || continue
    [ "$start" -ge "$at" ] && [ "$start" -lt "$end" ] && [ "$end" -le "$((at + segment_bytes))" ] || continue
    [ "$((at + segment_bytes))" -gt "$from" ] && [ "$at" -lt "$to" ] || continue
    [ "$start" -le "$reached" ] || break
    [ "$at" = "$segment" ] || begin_segment "$at"
    [ "$is_whole" = false ] && [ "$end" -gt "$filled" ] || continue
    if [ "$start" -gt "$filled" ]; then
      # What was written before the archive began is on the timeline before this one, or in the base itself.
      before=$wal/$previous${segment_file#????????}
      [ -f "$before" ] || before=$into/pg_wal/$segment_file
      [ "$start" -le "$from" ] && [ "$filled" = "$segment" ] && [ -f "$before" ] || break
      add_stretch "$before" "$segment" "$segment" "$start"
    fi
    if ! open_wal "$piece" || [ "$content_bytes" != "$((end - start))" ]; then
      fail "damaged: ${piece#"$repository"/}"
      break
    fi
    [ "$((end - start))" != "$segment_bytes" ] || is_whole=true
    add_stretch "$stage/content" "$start" "$start" "$end"
    [ "$filled" -le "$reached" ] || reached=$filled
  done
  end_segment
}

# What PostgreSQL asks for each file: 1 ends the recovery, so it is said only where the archive has no more.
fetch_script='#!/bin/sh
# Gives PostgreSQL a file of the archived WAL that restore.sh put beside this script.
here=${0%/*}
if [ -f "$here/$1" ]; then cp "$here/$1" "$2" && exit 0; exit 126; fi
if [ -r "$here/segments" ] && ! grep -qx "$1" "$here/segments"; then exit 1; fi
exit 126'

# Writes the archived WAL that leads from the base to the point into the data directory, and has the first start replay it.
restore_wal() {
  jq -r --arg id "$component" '.lifeboat.components[] | select(.id == $id)
    | [.facts.systemIdentifier, .facts.timeline, .facts.stopLsn, .facts.walSegmentBytes, (.facts.timelineTaken // false),
       (.chain.timeline // .facts.timeline), (.chain.endLsn // "-")] | map(tostring) | join(" ")' "$manifest" >"$work/chain"
  read -r system_id base_timeline base_end segment_bytes is_taken end_timeline end_lsn <"$work/chain"
  case "$system_id$base_timeline$segment_bytes$end_timeline" in *[!0-9]*) fail 'its facts do not say where its base ends'; return ;; esac
  case $base_end in */*) ;; *) fail 'its facts do not say where its base ends'; return ;; esac
  if [ "$is_taken" = true ]; then
    fail 'archived WAL of its timeline is of another server'
    return
  fi
  [ "$((1 << 40))" = 1099511627776 ] || die 'this shell cannot count positions of WAL: use dash, bash or the sh of BusyBox'
  archive=$repository/wal/$(printf '%s' "$component" | sed 's/\./.2e/g')/$system_id
  wal=$into/lifeboat/wal
  mkdir -p "$wal"
  lsn_number "$base_end"
  from=$lsn
  goal=9223372036854775807
  if [ "$all_wal" = false ]; then
    lsn_number "$end_lsn"
    goal=$lsn
  fi
  timelines_to "$end_timeline" "$goal" || return 0
  segments=0 previous=
  while read -r timeline to <&6; do
    write_timeline
    reached_on=$timeline
    [ "$reached" -ge "$to" ] || break
    from=$to previous=$hex
  done 6<"$work/line"
  if [ "$all_wal" = false ] && [ "$reached_on $reached" != "$end_timeline $goal" ]; then
    fail "archived WAL leads to $(lsn_text "$reached") on timeline $reached_on only, the point lies at $end_lsn on timeline $end_timeline"
  fi
  write_histories
  have_wal_replayed
}

# All of them: by these a recovery finds a number for its new timeline that nobody used before.
write_histories() {
  for history in "$archive"/????????/????????.history; do
    [ -f "$history" ] || continue
    if open_wal "$history"; then mv "$stage/content" "$wal/${history##*/}"; else fail "damaged: ${history#"$repository"/}"; fi
  done
}

have_wal_replayed() {
  printf '%s\n' "$fetch_script" >"$wal/fetch"
  # Read when a file is missing: one that was there once must not end a recovery.
  (cd "$wal" && ls) | grep -E '^[0-9A-F]{8}' >"$work/segments" || :
  mv "$work/segments" "$wal/segments"
  # A standby would go on waiting for its primary.
  if [ -e "$into/standby.signal" ]; then mv "$into/standby.signal" "$into/lifeboat/standby.signal"; fi
  : >"$into/recovery.signal"
  cat >>"$into/postgresql.auto.conf" <<CONF

# By restore.sh: the first start replays the archived WAL. Then: ALTER SYSTEM RESET each of these.
restore_command = 'sh lifeboat/wal/fetch "%f" "%p"; case \$? in 0) ;; 1) exit 1 ;; *) exit 126 ;; esac'
recovery_target_timeline = '$end_timeline'
recovery_target = ''
recovery_target_lsn = ''
recovery_target_name = ''
recovery_target_time = ''
recovery_target_xid = ''
recovery_target_action = 'promote'
CONF
  say "$component: $segments segments of archived WAL lie in $wal, up to $(lsn_text "$reached") on timeline $reached_on"
  say "$component: recovery.signal and postgresql.auto.conf make the first start replay them; its log then says: archive recovery complete"
}

# A server wants links in pg_tblspc. Those that it would make by the captured map lead to where the tablespaces were, and
# there another server may still have them.
place_tablespaces() {
  if [ -f "$into/tablespace_map" ]; then
    mkdir -p "$into/lifeboat"
    mv "$into/tablespace_map" "$into/lifeboat/tablespace_map"
  fi
  for each in "$into"/pg_tblspc/*; do
    [ -d "$each" ] && [ ! -L "$each" ] || continue
    oid=${each##*/}
    if ! mkdir -p "$into.tablespaces" || [ -e "$into.tablespaces/$oid" ] ||
      ! mv "$each" "$into.tablespaces/$oid" || ! ln -s "$into.tablespaces/$oid" "$each"; then
      fail "tablespace $oid lies in $each: move it out of the data directory and put a link there"
      continue
    fi
    say "$component: tablespace $oid lies in $into.tablespaces/$oid; lifeboat/tablespace_map says where it was"
  done
}

# Links of the data directory that a base backup does not follow, as words of path and target. Of those to the log and to
# pg_wal the server needs no more than a folder.
jq_links='
def normal: reduce split("/")[] as $part ([]; if $part == "" or $part == "." then . elif $part == ".." then .[:-1] else . + [$part] end)
  | "/" + join("/");
.dataDirectory as $data | .links[]? | select(.purpose == "configuration") | select(.path | of("string") and is_safe)
| select([.target, $data] | all(of("string"))) | (.path | split("/")[:-1] | join("/")) as $folder
| "\(.path | word) \((if .target | startswith("/") then .target else "\($data)/\($folder)/\(.target)" end) | normal | word)"'

# What they led to stands in their places: on this host nothing else may be there.
fill_links() {
  [ -f "$work/facts.json" ] || return 0
  jq -r --slurpfile ids "$work/ids" --slurpfile head "$work/head" --arg kind postgres \
    "$jq_lines $jq_links" "$work/facts.json" >"$work/links" 2>/dev/null || return 0
  while read -r word goal <&3; do
    decode_name name "$word"
    decode_name target "$goal"
    [ ! -e "$into/$name" ] || continue
    if [ -e "$into/lifeboat/config$target" ]; then
      case $name in */*) mkdir -p "$into/${name%/*}" ;; esac
      cp -R "$into/lifeboat/config$target" "$into/$name"
      say "$component: $(shown_name "$word") was a link to $(shown_name "$goal"); it comes back with what was there"
    else
      fail "$(shown_name "$word") was a link to $(shown_name "$goal"), which this point does not hold: the server needs it"
    fi
  done 3<"$work/links"
}

finish_database() {
  if [ "$has_chain" = true ] || [ "$all_wal" = true ]; then restore_wal; fi
  place_tablespaces
  fill_links
  if [ -n "$root_owner" ] && [ "$is_root" = true ]; then
    for each in "$into/lifeboat" "$into/recovery.signal" "$into/postgresql.auto.conf" "$into.tablespaces"; do
      [ ! -e "$each" ] || chown -R "$root_owner" "$each"
    done
    for each in "$into"/pg_tblspc/*; do [ ! -L "$each" ] || chown -h "$root_owner" "$each"; done
    while read -r word goal <&3; do
      decode_name name "$word"
      [ ! -e "$into/$name" ] || chown -R "$root_owner" "$into/$name"
    done 3<"$work/links"
  fi
  [ ! -d "$into/lifeboat/config" ] ||
    say "$component: configuration from outside the data directory lies in lifeboat/config, below the paths it had"
}

# ---- restore ----

# A line of jq_components: component, kind, index and its SHA-256, bytes, whether it has a chain; and a folder.
restore_component() {
  component=$1 component_kind=$2 component_bytes=$5 has_chain=$6 into=$7
  if [ -e "$into" ] && [ -n "$(ls -A "$into")" ]; then die "$into is not empty"; fi
  say "restoring $component into $into"
  say_notes "$component"
  read_index "$3" "$4" && plan_entries || return 0
  # Not our umask: the user of an engine must be able to come to its folder.
  (umask 022 && mkdir -p "$(dirname -- "$into")")
  [ -d "$into" ] || mkdir "$into"
  stage=$(mktemp -d "$into/.lifeboat-restore.XXXXXX")
  failures=0 lost=0 attributes_noted=0 root_owner=
  rm -f "$work/facts.json"
  : >"$work/attributes"
  : >"$work/links"
  make_folders
  cd "$stage"
  files_of_batch=0
  write_files
  cd "$work"
  make_links
  if [ "$component_kind" = postgres ]; then finish_database; fi
  finish_folders
  rm -rf "$stage"
  stage=
  finish_own_folder
  [ "$failures" = 0 ] || fail "$failures files could not be restored"
  [ "$lost" != 0 ] || return 0
  why='see above'
  if [ "$has_setfattr" = false ]; then why='setfattr is not installed (package attr)'; fi
  say "$component: $lost extended attributes and ACLs were not restored: $why"
  bare=1
}

# What the programs of this host can do.
look_at_tools() {
  printf abcdef >"$work/probe"
  has_dd=false
  if [ "$(dd if="$work/probe" bs=4 iflag=fullblock,skip_bytes,count_bytes skip=1 count=4 2>/dev/null)" = bcde ]; then has_dd=true; fi
  has_many=false
  one=$(hmac_of_input 00 <"$work/probe")
  two=$(openssl dgst -sha256 -mac HMAC -macopt hexkey:00 -r "$work/probe" "$work/probe" 2>/dev/null | cut -c1-64)
  if [ "$two" = "$one$nl$one" ]; then has_many=true; fi
  has_fractions=false
  if touch -d 1969-12-31T23:59:58.250000000Z "$work/probe" 2>/dev/null; then has_fractions=true; fi
  has_link_times=false
  ln -s nothing "$work/probe.link"
  if touch -h -d 1969-12-31T23:59:58.250000000Z "$work/probe.link" 2>/dev/null; then has_link_times=true; fi
  # The setfattr of BusyBox cannot read a list.
  has_setfattr=false
  if setfattr --help 2>&1 | grep -q -e --restore; then has_setfattr=true; fi
  is_root=false
  if [ "$(id -u)" = 0 ]; then is_root=true; fi
}

jq_components='
.backup_files as $files | .lifeboat.components[] | "indexes/\(.indexId)" as $path
| "\(.id) \(.kind) \(.indexId) \(first($files[] | select(.path == $path) | .checksum) // "-") \(.bytes) \(.chain != null)"'

restore_point() {
  open_manifest "$1"
  jq -r "$jq_components" "$manifest" >"$work/components"
  failed=0
  bare=0
  target=$3
  case $target in /*) ;; *) target=$here/$target ;; esac
  state=$(state_of "$1")
  case $state in
  failed | quarantined) say "warning: the verification of this point says: $state" ;;
  doubtful) say 'warning: a verification of this point failed, here or where this is copied from, and its proof is not here' ;;
  esac
  read_ids
  found=false
  while read -r component rest <&7; do
    if [ "$2" != all ] && [ "$2" != "$component" ]; then continue; fi
    found=true
    folder=$target
    if [ "$2" = all ]; then folder=$target/$component; fi
    # shellcheck disable=SC2086
    restore_component "$component" $rest "$folder"
  done 7<"$work/components"
  [ "$found" = true ] || [ "$2" = all ] ||
    die "recovery point $1 has no component $2; it has: $(cut -d ' ' -f 1 "$work/components" | tr '\n' ' ')"
  [ "$has_fractions" = true ] || say 'times have whole seconds: touch of this host takes no fractions'
  [ "$failed" = 0 ] || die 'not everything could be restored: see above'
  if [ "$bare" = 0 ]; then say 'everything was restored and verified'; else
    say 'all contents were restored and verified; extended attributes and ACLs were not, or not all'
  fi
}

while getopts k:p:r:w option; do
  case $option in
  k) key_file=$OPTARG ;;
  p) passphrase_file=$OPTARG ;;
  r) repository=$OPTARG ;;
  w) all_wal=true ;;
  *) usage ;;
  esac
done
shift $((OPTIND - 1))
for file in "$key_file" "$passphrase_file"; do
  [ -z "$file" ] || { [ -r "$file" ] && [ ! -d "$file" ]; } || die "$file cannot be read"
done
for tool in jq zstd openssl od awk; do
  command -v "$tool" >/dev/null || die "$tool is needed and not installed"
done
case $(openssl version) in 'OpenSSL 3'* | 'OpenSSL 4'*) ;; *) die 'openssl 3 is needed' ;; esac
here=$PWD
repository=$(cd -- "$repository" && pwd) || die 'there is no such folder'
work=$(mktemp -d)
trap clean_up EXIT
trap 'exit 130' INT TERM
work=$(cd "$work" && pwd)
# For awk.
export work
look_at_tools

case ${1:-} in
list)
  [ $# = 1 ] || usage
  open_repository
  list_points
  ;;
show)
  [ $# = 2 ] || usage
  open_repository
  show_point "$2"
  ;;
restore)
  [ $# = 4 ] || usage
  open_repository
  restore_point "$2" "$3" "$4"
  ;;
*) usage ;;
esac
