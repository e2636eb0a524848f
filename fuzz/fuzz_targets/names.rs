//! Any text as a name: what is kept is kept again, has no character that cannot be seen, and is compared by a stable key.
#![no_main]

use hemicycle_core::names::item_key;
use hemicycle_core::read_limits::Limit;
use hemicycle_core::spelling::{kept_name, look_alikes, skeleton};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pair: (&str, &str)| {
    let limit = Limit { name: "name_characters", value: 40 };
    for name in [pair.0, pair.1] {
        let key = item_key(name);
        assert_eq!(item_key(&key), key, "of {name:?}");
        match kept_name(name, limit) {
            Ok(kept) => {
                assert!(kept.chars().count() <= 40);
                assert!(!kept.chars().any(char::is_control), "{kept:?}");
                // a quote before a formula is taken off once: names that have one are written with another
                let written = if kept.starts_with('\'') { format!("'{kept}") } else { kept.to_string() };
                let again = kept_name(&written, limit).or_else(|_| kept_name(&kept, limit));
                assert!(again.as_deref() == Ok(&*kept) || again.as_deref() == Ok(&*written), "{kept:?} {again:?}");
                assert_eq!(item_key(&kept), item_key(&item_key(&kept)));
            }
            Err(reason) => assert!(reason.contains("U+") || reason.contains("limit of 40"), "{reason}"),
        }
        let shape = skeleton(name);
        assert_eq!(skeleton(&shape), shape, "of {name:?}");
    }
    let (names, others) = ([pair.0.to_owned()], [pair.1.to_owned()]);
    if look_alikes(&names, &others)[0].is_some() {
        assert_ne!(item_key(pair.0), item_key(pair.1));
    }
});
