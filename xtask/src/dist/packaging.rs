//! Tests of the files in `packaging/`, as far as they can be looked at without what they are for: a container's
//! recipe, a manifest for Kubernetes, the example of a configuration.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use crate::workspace_root;

fn packaged(name: &str) -> String {
    fs::read_to_string(workspace_root().join("packaging").join(name)).expect("the file is in packaging/")
}

/// The instructions of the Dockerfile, each with what follows it, continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let joined = packaged("Dockerfile").replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let split = lines.map(|line| line.split_once(' ').unwrap_or_else(|| panic!("{line} says nothing")));
    split.map(|(name, rest)| (name.to_owned(), rest.trim().to_owned())).collect()
}

fn instruction(name: &str) -> String {
    let found: Vec<String> = instructions().into_iter().filter(|(it, _)| it == name).map(|(_, rest)| rest).collect();
    assert_eq!(found.len(), 1, "{name} is there once: {found:?}");
    found[0].clone()
}

#[test]
fn the_container_is_nobody_special_and_keeps_its_data_outside() {
    const KNOWN: [&str; 12] = [
        "FROM",
        "RUN",
        "COPY",
        "ENV",
        "USER",
        "WORKDIR",
        "VOLUME",
        "EXPOSE",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    ];
    for (name, _) in instructions() {
        assert!(KNOWN.contains(&name.as_str()), "{name} is no instruction that is used here");
    }
    let from = instruction("FROM");
    assert!(from.contains(':') && !from.ends_with(":latest"), "the base has a version: {from}");
    let user = instruction("USER");
    let ids: Vec<u32> = user.split(':').map(|id| id.parse().expect("USER is numbers, for runAsNonRoot")).collect();
    assert!(ids.len() == 2 && ids.iter().all(|id| *id >= 1000), "{user}");
    assert_eq!(instruction("VOLUME"), r#"["/var/lib/headwater"]"#);
    assert_eq!(instruction("EXPOSE"), "8080 9093");
    for name in ["ENTRYPOINT", "CMD"] {
        let words: Vec<String> = serde_json::from_str(&instruction(name)).expect("the form that needs no shell");
        assert!(!words.is_empty());
    }
    assert!(!instructions().iter().any(|(name, rest)| name == "ENV" && rest.contains("INSECURE")));
    let order: Vec<String> = instructions().into_iter().map(|(name, _)| name).collect();
    let place = |name: &str| order.iter().position(|it| it == name).expect("it is there");
    assert!(place("RUN") < place("USER") && place("USER") < place("ENTRYPOINT"), "{order:?}");
}

#[test]
fn the_health_check_is_a_command_with_its_words() {
    let check = instruction("HEALTHCHECK");
    let command = &check[check.find("CMD ").expect("it runs something") + 4..];
    let words: Vec<String> = serde_json::from_str(command).expect("the form that needs no shell");
    assert_eq!(words[0], "bash");
    let syntax = std::process::Command::new("bash").args(["-n", "-c", &words[2]]).status().expect("bash is there");
    assert!(syntax.success());
    assert!(words[2].contains("/health/live") && words[2].contains("\\r\\n"));
}

fn manifests() -> BTreeMap<String, Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(&packaged("kubernetes.yaml")).expect("it is YAML");
    let key = |it: &Value| {
        format!("{} {}", it["kind"].as_str().unwrap_or("?"), it["metadata"]["name"].as_str().unwrap_or("?"))
    };
    documents.into_iter().map(|document| (key(&document), document)).collect()
}

#[test]
fn the_manifest_is_one_server_with_a_volume_probes_and_services() {
    let manifests = manifests();
    let names: Vec<&str> = manifests.keys().map(String::as_str).collect();
    assert_eq!(names, ["Service headwater", "Service headwater-headless", "StatefulSet headwater"]);
    let set = &manifests["StatefulSet headwater"]["spec"];
    assert_eq!(set["replicas"], 1);
    assert_eq!(set["serviceName"], "headwater-headless");
    let labels = &set["template"]["metadata"]["labels"];
    assert_eq!(&set["selector"]["matchLabels"], labels);
    let pod = &set["template"]["spec"];
    let container = &pod["containers"][0];
    let ports: Vec<(&str, u64)> = container["ports"].as_array().expect("it has ports").iter().map(port).collect();
    assert_eq!(ports, [("http", 8080), ("kafka", 9093)]);
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"], "http", "{probe}");
    }
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/health/ready");
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/health/live");
    let claim = &set["volumeClaimTemplates"][0];
    assert_eq!(claim["metadata"]["name"], container["volumeMounts"][0]["name"]);
    assert!(claim["spec"]["resources"]["requests"]["storage"].is_string());
    for service in ["Service headwater", "Service headwater-headless"] {
        let service = &manifests[service]["spec"];
        assert_eq!(&service["selector"], labels);
        for port in service["ports"].as_array().expect("it has ports") {
            assert!(ports.iter().any(|(name, _)| port["targetPort"] == *name), "{port}");
        }
    }
}

fn port(port: &Value) -> (&str, u64) {
    (port["name"].as_str().expect("a port has a name"), port["containerPort"].as_u64().expect("and a number"))
}

#[test]
fn the_pod_is_nobody_special() {
    let manifests = manifests();
    let pod = &manifests["StatefulSet headwater"]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        format!("{}:{}", pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]),
        instruction("USER")
    );
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL");
    assert!(!container["image"].as_str().expect("it has an image").ends_with(":latest"));
    // What it writes lies on the volume.
    let directory = container["env"].as_array().expect("it has variables").iter();
    let mut directory = directory.filter(|it| it["name"] == "HEADWATER_DATA_DIR");
    let mount = container["volumeMounts"][0]["mountPath"].as_str().expect("a path");
    assert!(directory.next().is_some_and(|it| it["value"].as_str().is_some_and(|path| path.starts_with(mount))));
}

#[test]
fn versions_are_the_workspaces() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        manifests()["StatefulSet headwater"]["spec"]["template"]["spec"]["containers"][0]["image"],
        format!("headwater:{version}")
    );
}

#[test]
fn the_example_of_a_configuration_is_one() {
    let text = packaged("headwater.toml");
    let plain: toml::Table = text.parse().expect("it is TOML");
    assert_eq!(plain.keys().collect::<Vec<_>>(), ["data-dir"], "as it comes it listens on this machine alone");
    let all = text.lines().map(|line| line.strip_prefix('#').filter(|rest| rest.contains(" = ")).unwrap_or(line));
    let all: toml::Table = all.collect::<Vec<_>>().join("\n").parse().expect("so it is with every line taken in");
    assert!(all.len() > 3, "{all:?}");
}
