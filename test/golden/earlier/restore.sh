#!/bin/sh
# lifeboat-restore 1
# Restores files from this Lifeboat repository without Lifeboat. Needs a POSIX shell and utilities, jq, zstd, openssl 3.
#
#   sh restore.sh [-k KEYFILE | -p PASSPHRASEFILE] [-r REPOSITORY] list
#   sh restore.sh [...] show TIMESTAMP
#   sh restore.sh [...] restore TIMESTAMP COMPONENT|all FOLDER
#
# KEYFILE holds the recovery kit or the key alone; LIFEBOAT_KEY or LIFEBOAT_PASSPHRASE work too. Every manifest, index,
# block and file is verified; a file that does not verify is not left in place, and the exit code is 1.
# Keys are passed to openssl as arguments: use a machine on which you trust the other users.
set -eu
umask 077
LC_ALL=C
export LC_ALL

repository=$(dirname -- "$0")
key_file=
passphrase_file=
work=

die() {
  printf 'restore.sh: %s\n' "$1" >&2
  exit 1
}

say() {
  printf '%s\n' "$1" >&2
}

usage() {
  sed -n '5,7s/^#   //p' "$0" >&2
  exit 2
}

# ---- bytes ----

# Hex digits of standard input.
to_hex() {
  od -An -v -tx1 | tr -d ' \n'
}

# Bytes of the hex digits in $1.
from_hex() {
  rest=$1
  while [ -n "$rest" ]; do
    tail_=${rest#??}
    # shellcheck disable=SC2059
    printf "\\$(printf '%03o' "0x${rest%"$tail_"}")"
    rest=$tail_
  done
}

# $2 bytes of file $3 from offset $1.
bytes_at() {
  tail -c "+$(($1 + 1))" -- "$3" | head -c "$2"
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

# Ciphertext on standard input, hex key $1, hex nonce $2. AES-256-GCM is counter mode that starts at 2; what comes out is
# compared with its keyed id, which is the stronger check.
decrypt() {
  openssl enc -d -aes-256-ctr -nopad -K "$1" -iv "${2}00000002"
}

# ---- keys ----

# The 64 hex digits of a key in the text on standard input; check digits are compared.
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

scrypt_of() {
  openssl kdf -keylen 32 -kdfopt "hexpass:$1" -kdfopt "hexsalt:$2" -kdfopt "n:$3" -kdfopt "r:$4" -kdfopt "p:$5" \
    -kdfopt maxmem_bytes:1200000000 SCRYPT | tr -d ':\n' | tr 'A-F' 'a-f'
}

# Sets data_key, id_key, mac_key from the first record that opens.
open_keys() {
  kind=key
  opening=
  if [ -n "$passphrase_file" ]; then
    kind=passphrase
    pass_hex=$(tr -d '\n' <"$passphrase_file" | to_hex)
  elif [ -n "$key_file" ]; then
    opening=$(read_key "$key_file")
  elif [ -n "${LIFEBOAT_KEY:-}" ]; then
    printf '%s\n' "$LIFEBOAT_KEY" >"$work/key.env"
    opening=$(read_key "$work/key.env")
    rm -f "$work/key.env"
  elif [ -n "${LIFEBOAT_PASSPHRASE:-}" ]; then
    kind=passphrase
    pass_hex=$(printf '%s' "$LIFEBOAT_PASSPHRASE" | to_hex)
  else
    die 'this repository is encrypted: give -k KEYFILE or -p PASSPHRASEFILE'
  fi
  for record in "$repository"/keys/*.json; do
    [ -f "$record" ] || die 'there is no key record in keys/'
    [ "$(jq -r '"\(.kind) \(.repository)"' "$record" 2>/dev/null)" = "$kind $repository_id" ] || continue
    name=$(basename "$record" .json)
    if [ "$kind" = passphrase ]; then
      opening=$(scrypt_of "$pass_hex" "$(jq -r .scrypt.salt "$record")" "$(jq -r .scrypt.n "$record")" "$(jq -r .scrypt.r "$record")" "$(jq -r .scrypt.p "$record")")
    fi
    wrapping=$(printf 'lifeboat-wrap-1\n%s' "$name" | hmac_of_input "$opening")
    nonce=$(jq -r .nonce "$record" | openssl base64 -d -A | to_hex)
    secrets=$(jq -r .wrapped "$record" | openssl base64 -d -A | head -c 96 | decrypt "$wrapping" "$nonce" | to_hex)
    data_key=$(printf '%s' "$secrets" | cut -c1-64)
    id_key=$(printf '%s' "$secrets" | cut -c65-128)
    mac_key=$(printf '%s' "$secrets" | cut -c129-192)
    # A wrong key gives noise, and noise does not authenticate the record.
    if is_authentic "keys/$name.json"; then return; fi
  done
  die "the $kind does not open this repository"
}

# ---- documents ----

# The last 80 bytes of a document hold its code, which covers its key and everything before.
is_authentic() {
  size=$(size_of "$repository/$1")
  [ "$size" -gt 80 ] || return 1
  found=$(tail -c 80 "$repository/$1" | tr -d '\n' | sed -n 's/^,  "mac": "\([0-9a-f]\{64\}\)"}$/\1/p')
  if [ "$encryption" = none ]; then
    real=$({ printf '%s\n' "$1"; head -c "$((size - 80))" "$repository/$1"; } | sha256_of_input)
  else
    real=$({ printf '%s\n' "$1"; head -c "$((size - 80))" "$repository/$1"; } | hmac_of_input "$mac_key")
  fi
  [ -n "$found" ] && [ "$found" = "$real" ]
}

open_repository() {
  [ -f "$repository/repository.json" ] || die "there is no repository.json in $repository"
  [ "$(jq -r .format "$repository/repository.json")" = 1 ] || die 'this repository has a newer format; look for a newer restore.sh'
  encryption=$(jq -r .encryption "$repository/repository.json")
  repository_id=$(jq -r .id "$repository/repository.json")
  data_key= id_key= mac_key=
  if [ "$encryption" != none ]; then open_keys; fi
  is_authentic repository.json || die 'repository.json does not authenticate'
}

# ---- frames ----

frame_key_salt=
frame_key=

# Writes the plaintext of the frame of kind $3 (two hex digits) at offset $2 of file $1 to $work/plain; sets frame_bytes
# and frame_id. Returns 1 if anything about it is not what was written.
open_frame() {
  frame_file=$1 frame_at=$2 frame_kind=$3
  header=$(bytes_at "$frame_at" 76 "$frame_file" | to_hex)
  [ "${#header}" = 152 ] || return 1
  # shellcheck disable=SC2046
  set -- $(printf '%s' "$header" | sed 's/^\(.\{8\}\)\(..\)\(..\)\(....\)\(.\{8\}\)\(.\{8\}\)\(.\{32\}\)\(.\{24\}\)\(.\{64\}\)$/\1 \2 \3 \4 \5 \6 \7 \8 \9/')
  magic=$1 kind=$2 flags=$3 plain_bytes=$((0x$5)) payload_bytes=$((0x$6)) salt=$7 nonce=$8 frame_id=$9
  [ "$magic" = 4c424631 ] || return 1
  payload_at=$((frame_at + 76))
  case $flags in
  00 | 02) [ "$encryption" = none ] || return 1 ;;
  01 | 03) [ "$encryption" != none ] || return 1 ;;
  *) return 1 ;;
  esac
  case $flags in
  01 | 03)
    frame_bytes=$((76 + payload_bytes + 16))
    if [ "$salt" != "$frame_key_salt" ]; then
      frame_key=$({ printf 'lifeboat-frame-1\n'; from_hex "$salt"; } | hmac_of_input "$data_key")
      frame_key_salt=$salt
    fi
    bytes_at "$payload_at" "$payload_bytes" "$frame_file" | decrypt "$frame_key" "$nonce" >"$work/payload"
    ;;
  *)
    frame_bytes=$((76 + payload_bytes))
    bytes_at "$payload_at" "$payload_bytes" "$frame_file" >"$work/payload"
    ;;
  esac
  case $flags in
  02 | 03) zstd -q -d -c <"$work/payload" >"$work/plain" 2>/dev/null || return 1 ;;
  *) mv -f "$work/payload" "$work/plain" ;;
  esac
  [ "$kind" = "$frame_kind" ] && [ "$(size_of "$work/plain")" = "$plain_bytes" ] && [ "$(id_of_input <"$work/plain")" = "$frame_id" ]
}

# ---- recovery points ----

manifest_key() {
  case $1 in
  [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]_[0-9][0-9][0-9][0-9][0-9][0-9]) ;;
  *) die "$1 is not a timestamp like 20261122_020000" ;;
  esac
  printf 'manifests/%s/%s/%s/backup_manifest_%s.json' "$(printf '%s' "$1" | cut -c1-4)" "$(printf '%s' "$1" | cut -c5-6)" "$(printf '%s' "$1" | cut -c7-8)" "$1"
}

open_manifest() {
  manifest=$(manifest_key "$1")
  [ -f "$repository/$manifest" ] || die "there is no recovery point $1"
  is_authentic "$manifest" || die "$manifest does not authenticate: it is damaged or forged"
  [ "$(jq -r .lifeboat.format "$repository/$manifest")" = 1 ] || die "$manifest has a newer format; look for a newer restore.sh"
}

list_points() {
  find "$repository/manifests" -name 'backup_manifest_*.json' | sort | while read -r file; do
    key=${file#"$repository"/}
    if is_authentic "$key"; then
      jq -r '"\(.timestamp)  \(if .success then "complete  " else "incomplete" end)  \(.total_size) bytes  \([.lifeboat.components[].id] | join(" "))"' "$file"
    else
      printf '%s  DAMAGED OR FORGED\n' "$(basename "$file" .json | sed 's/^backup_manifest_//')"
    fi
  done
}

# Writes the entries of index $1 as JSON lines to $work/entries and the pack table to $work/packs.
read_index() {
  index=$repository/indexes/$1
  [ -f "$index" ] || die "indexes/$1 is gone"
  wanted=$(jq -r --arg path "indexes/$1" '.backup_files[] | select(.path == $path) | .checksum' "$repository/$manifest")
  [ "$(sha256_of_input <"$index")" = "$wanted" ] || die "indexes/$1 does not have the SHA-256 that the manifest names"
  : >"$work/entries"
  at=0
  number=0
  while :; do
    open_frame "$index" "$at" 03 || die "indexes/$1 is damaged at byte $at"
    head -n 1 "$work/plain" >"$work/head"
    [ "$(jq -r '"\(.index) \(.frame) \(.format)"' "$work/head")" = "$1 $number 1" ] || die "indexes/$1 holds another frame at byte $at"
    sed 1d "$work/plain" >>"$work/entries"
    if [ "$(jq -r '.last // false' "$work/head")" = true ]; then break; fi
    at=$((at + frame_bytes))
    number=$((number + 1))
  done
  jq -r '.packs[].id' "$work/head" >"$work/packs"
}

# ---- files ----

# Sets $1 to the bytes of the base64 text $2, line feeds at the end included.
decode_name() {
  name_=$(printf '%s' "$2" | openssl base64 -d -A && printf x)
  eval "$1=\${name_%x}"
}

# Not with dirname: a command's output loses line feeds at its end.
make_folder_above() {
  case $1 in */*) mkdir -p "$into/${1%/*}" ;; esac
}

check_path() {
  case /$1/ in *//* | */./* | */../*) die "the index names the unsafe path $1" ;; esac
}

finish_entry() {
  if [ "$(id -u)" = 0 ]; then chown "$3" "$4" || say "warning: cannot give $4 to $3"; fi
  chmod "$1" "$4"
  TZ=UTC0 touch -t "$2" "$4"
}

# Reads lines from jq (see restore_component) and does what they say.
write_entries() {
  failures=0
  while read -r what a b c d e f; do
    case $what in
    D)
      decode_name path "$d"
      check_path "$path"
      mkdir -p "$into/$path"
      ;;
    F)
      decode_name path "$d"
      check_path "$path"
      mode=$a mtime=$b owner=$c sha256=$e good=true
      make_folder_above "$path"
      if [ -e "$into/$path" ] || [ -L "$into/$path" ]; then die "the index names $path twice"; fi
      : >"$into/$path"
      ;;
    B)
      # pack number, offset, length, id, plain length
      [ "$good" = true ] || continue
      pack=$(sed -n "$((a + 1))p" "$work/packs")
      pack_file=$repository/packs/$(printf '%s' "$pack" | cut -c1-2)/$pack
      if [ -f "$pack_file" ] && open_frame "$pack_file" "$b" 01 && [ "$frame_id" = "$d" ] && [ "$frame_bytes" = "$c" ]; then
        cat "$work/plain" >>"$into/$path"
      else
        good=false
        say "damaged: $path: block $d in packs/$(printf '%s' "$pack" | cut -c1-2)/$pack at byte $b"
      fi
      ;;
    E)
      if [ "$good" = true ] && [ "$(sha256_of_input <"$into/$path")" != "$sha256" ]; then
        good=false
        say "damaged: $path: its SHA-256 differs"
      fi
      if [ "$good" = true ]; then finish_entry "$mode" "$mtime" "$owner" "$into/$path"; else
        rm -f "$into/$path"
        failures=$((failures + 1))
      fi
      ;;
    H)
      decode_name path "$d"
      decode_name target "$e"
      check_path "$path"
      check_path "$target"
      make_folder_above "$path"
      ln "$into/$target" "$into/$path" || failures=$((failures + 1))
      ;;
    L)
      decode_name path "$d"
      decode_name target "$e"
      check_path "$path"
      make_folder_above "$path"
      ln -s "$target" "$into/$path"
      ;;
    T)
      decode_name path "$d"
      finish_entry "$a" "$b" "$c" "$into/$path"
      ;;
    esac
  done
  printf '%s' "$failures" >"$work/failures"
}

# Lines for write_entries: folders, files with their blocks, hard links, symbolic links, then folders' modes, deepest first.
jq_lines='
def octal: . as $m | [(($m/512)|floor)%8, (($m/64)|floor)%8, (($m/8)|floor)%8, $m%8] | map(tostring) | join("");
def when: if (.mtimeNs|length) > 9 and (.mtimeNs[0:1] != "-") then (.mtimeNs[:-9]|tonumber) else 0 end | gmtime | strftime("%Y%m%d%H%M.%S");
def name: .pathBase64 // (.path|@base64);
def goal: .targetBase64 // (.target|@base64);
def common: "\(.mode|octal) \(when) \(.uid):\(.gid) \(name)";
map(select(.path != ".lifeboat" and (.path|startswith(".lifeboat/")|not)))
| ( .[] | select(.type == "directory") | "D \(common)" ),
  ( .[] | select(.type == "file") | "F \(common) \(.sha256)", (.blocks[] | "B \(map(tostring)|join(" "))"), "E" ),
  ( .[] | select(.type == "hardlink") | "H \(common) \(goal)" ),
  ( .[] | select(.type == "symlink") | "L \(common) \(goal)" ),
  ( [.[] | select(.type == "directory")] | sort_by(.path|length) | reverse | .[] | "T \(common)" )
'

restore_component() {
  into=$2
  if [ -e "$into" ] && [ -n "$(ls -A "$into")" ]; then die "$into is not empty"; fi
  mkdir -p "$into"
  say "restoring $1 into $into"
  read_index "$(jq -r --arg id "$1" '.lifeboat.components[] | select(.id == $id) | .indexId' "$repository/$manifest")"
  jq -r -s "$jq_lines" "$work/entries" >"$work/lines"
  write_entries <"$work/lines"
  if [ "$(cat "$work/failures")" != 0 ]; then
    say "$1: $(cat "$work/failures") files could not be restored"
    failed=1
  fi
}

restore_point() {
  open_manifest "$1"
  known=$(jq -r '.lifeboat.components[].id' "$repository/$manifest")
  failed=0
  if [ "$2" = all ]; then
    for component in $known; do restore_component "$component" "$3/$component"; done
  else
    printf '%s\n' "$known" | grep -qxF -- "$2" || die "recovery point $1 has no component $2; it has: $(printf '%s' "$known" | tr '\n' ' ')"
    restore_component "$2" "$3"
  fi
  [ "$failed" = 0 ] || die 'some files are damaged in the repository; they were left out'
  say 'everything was restored and verified'
}

while getopts k:p:r: option; do
  case $option in
  k) key_file=$OPTARG ;;
  p) passphrase_file=$OPTARG ;;
  r) repository=$OPTARG ;;
  *) usage ;;
  esac
done
shift $((OPTIND - 1))
for tool in jq zstd openssl od; do
  command -v "$tool" >/dev/null || die "$tool is needed and not installed"
done
case $(openssl version) in 'OpenSSL 3'* | 'OpenSSL 4'*) ;; *) die 'openssl 3 is needed' ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

case ${1:-} in
list)
  [ $# = 1 ] || usage
  open_repository
  list_points
  ;;
show)
  [ $# = 2 ] || usage
  open_repository
  open_manifest "$2"
  jq '{timestamp, datetime, success, total_size, components: [.lifeboat.components[] | {id, kind, files, bytes, quiescence, suspect, facts}], failures: .lifeboat.failures}' "$repository/$manifest"
  ;;
restore)
  [ $# = 4 ] || usage
  open_repository
  restore_point "$2" "$3" "$4"
  ;;
*) usage ;;
esac
