//! Names of items as people write them, reduced to the key by which they are compared: a repository is the same one as
//! a URL, as `owner/name`, in any case, with or without `.git`.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, is_nfkc};

/// Hosts that are recognised without a scheme in front of them.
const HOSTS: [&str; 4] = ["github.com/", "gitlab.com/", "codeberg.org/", "bitbucket.org/"];

/// The key by which a name is compared: Unicode's NFKC, lower case, and scheme, host, `www.`, trailing slashes, `.git` and
/// surrounding space stripped. A key is its own key. A name of which nothing would be left keeps what cannot be stripped.
///
/// ```
/// use hemicycle_core::names::item_key;
/// assert_eq!(item_key(" https://www.GitHub.com/ethereum/EIPs.git/ "), "ethereum/eips");
/// assert_eq!(item_key("github.com/ethereum/eips"), "ethereum/eips");
/// assert_eq!(item_key("git@github.com:ethereum/eips.git"), "ethereum/eips");
/// ```
#[must_use]
pub fn item_key(name: &str) -> String {
    stripped(&folded(name)).to_owned()
}

/// A name without what stands around the name proper, in the case that is written.
pub(crate) fn stripped(name: &str) -> &str {
    let mut key = name;
    loop {
        let shorter = strip_once(key);
        if shorter.is_empty() || shorter.len() == key.len() {
            return key.trim();
        }
        key = shorter;
    }
}

/// Lower case and compatible forms made one; the loop ends because a second round changes few characters, a third none.
fn folded(name: &str) -> String {
    let mut text = name.to_lowercase();
    while !text.is_ascii() {
        let again = compatible(&text).to_lowercase();
        if again == text {
            break;
        }
        text = again;
    }
    text
}

/// Unicode's NFKC: letters of one meaning in one form, composed, so that what looks the same is more often the same.
pub(crate) fn compatible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfkc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfkc().collect()) }
}

/// One round of stripping.
fn strip_once(name: &str) -> &str {
    let name = strip_host(name.trim()).trim();
    let name = name.strip_suffix('/').unwrap_or(name);
    name.strip_suffix(".git").unwrap_or(name)
}

/// What stands behind `scheme://host/`, `git@host:`, `www.` or one of [`HOSTS`]; the whole name if none is in front.
fn strip_host(name: &str) -> &str {
    let after_scheme = name.split_once("://").filter(|(scheme, _)| is_scheme(scheme));
    if let Some((_, rest)) = after_scheme {
        return rest.split_once('/').map_or(rest, |(_, path)| path);
    }
    if let Some((_, path)) = name.strip_prefix("git@").and_then(|rest| rest.split_once(':')) {
        return path;
    }
    let name = name.strip_prefix("www.").unwrap_or(name);
    HOSTS.iter().find_map(|host| name.strip_prefix(host)).unwrap_or(name)
}

/// Letters, digits, `+`, `-` and `.`, as the schemes of URLs are.
fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::item_key;

    #[test]
    fn every_spelling_of_a_repository_is_one_key() {
        for spelling in [
            "owner/name",
            "Owner/Name",
            "https://github.com/owner/name",
            "http://github.com/owner/name/",
            "https://www.github.com/owner/name.git",
            "ssh://git@github.com/owner/name.git",
            "git@github.com:owner/name.git",
            "www.github.com/owner/name",
            "github.com/owner/name//",
            "\tOWNER/NAME.git/ ",
        ] {
            assert_eq!(item_key(spelling), "owner/name", "{spelling}");
        }
    }

    #[test]
    fn names_that_are_no_repositories_survive() {
        for (name, key) in [("", ""), ("  ", ""), ("Alpha", "alpha"), ("/", "/"), ("a.b/c", "a.b/c"), (".git", ".git")]
        {
            assert_eq!(item_key(name), key, "{name}");
        }
        assert_eq!(item_key("https://example.org"), "example.org");
    }

    proptest::proptest! {
        #[test]
        fn a_key_is_its_own_key(name in "\\PC*|(https?://)?(www\\.)?(github.com/)?[A-Za-z./ ]{0,12}(\\.git)?/?") {
            let key = item_key(&name);
            proptest::prop_assert_eq!(item_key(&key), key);
        }
    }
}
