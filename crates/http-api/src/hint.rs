//! What a 404 says about a path that callers of the vendor's API may look for here.

/// The calls of the store, in every version that there is.
const CALLS: [&str; 5] = ["write", "find", "findbyid", "count", "requery"];

/// What is at another path, or not here at all; empty where there is nothing to say.
pub(crate) fn of(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let version = segments.iter().position(|segment| *segment == "api").and_then(|at| segments.get(at + 1)).copied();
    let Some(last) = segments.last().copied() else { return String::new() };
    if last.eq_ignore_ascii_case("execute") {
        let version = version.filter(|version| ["v4", "v5"].contains(version)).unwrap_or("v5");
        return format!("it is at {}/{version}/store/execute; execute belongs to v4 and v5", base(&segments));
    }
    if segments.contains(&"attachments") {
        return format!(
            "attachments are at {0}/v4/attachments/upload and {0}/v4/attachments/<id>; they belong to v2 to v5",
            base(&segments)
        );
    }
    match CALLS.iter().find(|call| call.eq_ignore_ascii_case(last)) {
        Some(call) => {
            let base = base(&segments);
            let version = version.filter(|version| is_version(version)).unwrap_or("v4");
            format!("it is at {base}/{version}/store/{call}; there are the versions v1 to v5")
        }
        None => String::new(),
    }
}

/// The base of the store's calls, before the version: the default app's or that of the one that is named.
fn base(segments: &[&str]) -> String {
    let named = segments.first().filter(|first| !["api", "store"].contains(first) && !is_version(first));
    match named.filter(|_| segments.contains(&"api")) {
        Some(app) => format!("/{app}/api"),
        None => "/api".to_owned(),
    }
}

/// The same where nobody administers.
pub(crate) fn for_applications(path: &str) -> String {
    let first = path.split('/').find(|segment| !segment.is_empty()).unwrap_or_default();
    match first {
        "admin" | "portal" | "metrics" => format!("{first} is at the server's HTTP address, not at this one"),
        _ => of(path),
    }
}

fn is_version(segment: &str) -> bool {
    ["v1", "v2", "v3", "v4", "v5"].contains(&segment)
}

#[cfg(test)]
mod tests {
    #[test]
    fn where_nobody_administers_the_other_address_is_named() {
        for (path, expected) in [
            ("/admin/v1/keys", "admin is at the server's HTTP address, not at this one"),
            ("/portal/", "portal is at the server's HTTP address, not at this one"),
            ("/nothing", ""),
        ] {
            assert_eq!(super::for_applications(path), expected, "{path}");
        }
    }

    #[test]
    fn the_right_path_is_named() {
        for (path, expected) in [
            ("/", ""),
            ("/nothing", ""),
            ("/api/v4/store/nothing", ""),
            ("/api/v6/store/find", "it is at /api/v4/store/find; "),
            ("/api/v1/find", "it is at /api/v1/store/find; "),
            ("/api/store/write", "it is at /api/v4/store/write; "),
            ("/store/write", "it is at /api/v4/store/write; "),
            ("/v4/store/count", "it is at /api/v4/store/count; "),
            ("/shop/api/v9/store/requery", "it is at /shop/api/v4/store/requery; "),
            ("/api/v4/store/findById", "it is at /api/v4/store/findbyid; "),
            ("/api/v4/store/find/", "it is at /api/v4/store/find; "),
            ("/api/v3/store/execute", "it is at /api/v5/store/execute; execute belongs to v4 and v5"),
            ("/shop/api/v4/execute", "it is at /shop/api/v4/store/execute; "),
            ("/shop/api/v1/attachments/upload", "attachments are at /shop/api/v4/attachments/upload and "),
            ("/api/v2/attachments", "attachments are at /api/v4/attachments/upload and "),
        ] {
            let hint = super::of(path);
            assert!(hint.starts_with(expected) && hint.is_empty() == expected.is_empty(), "{path}: {hint}");
        }
    }
}
