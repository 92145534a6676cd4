//! `headwater credentials rotate` and `headwater credentials status`: new certificates and a new
//! certificate authority, while consumers read.
//!
//! Not here: what is trusted meanwhile (crate `credentials`).

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};
use wire::admin::{
    AppsReply, AuthorityReply, FormerCertificateReply, RenewedReply, RotationFinishedReply, RotationReply,
};

use crate::{
    admin_client::{AdminClient, segment},
    command::{Context, read_reply},
    output::{date_time, print_line, print_table},
};

/// What to replace.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Open connections stay. Without options the server gets a new certificate of the same authority:
clients need nothing new. With --ca the authority is replaced in two steps. From the first on, two
authorities are trusted, and users get certificates and files of the new one; consumers with files of
before go on. Once all have new files, --finish takes the former authority away.

Examples:
  headwater credentials rotate                    a new server certificate
  headwater credentials rotate --app shop         new certificates for the users of an app
  headwater credentials rotate --ca               begin to replace the authority
  headwater credentials rotate --ca --ca-certificate /etc/pki/ca.pem --ca-key /etc/pki/ca.key
  headwater credentials status                    who has not changed over yet
  headwater credentials rotate --finish           the former authority is refused")]
pub(crate) struct Rotate {
    /// Begin to replace the certificate authority, and issue users new files
    #[arg(long, conflicts_with = "finish")]
    ca: bool,
    /// With --ca: your own authority's certificate, and those above it; PEM
    #[arg(long, value_name = "FILE", requires = "ca", requires = "ca_key")]
    ca_certificate: Option<PathBuf>,
    /// With --ca: the private key of your own authority; PEM, PKCS#8
    #[arg(long, value_name = "FILE", requires = "ca_certificate")]
    ca_key: Option<PathBuf>,
    /// New certificates for users of this app, whose files are in the data directory; can be given
    /// more than once. With --ca: only for these apps, the others later
    #[arg(long, value_name = "APP", conflicts_with = "finish")]
    app: Vec<String>,
    /// Finish to replace the authority: what the former one signed is refused
    #[arg(long)]
    finish: bool,
    /// With --finish: also where consumers use certificates of the former authority still
    #[arg(long, requires = "finish")]
    force: bool,
    /// Print the server's JSON replies, one a line
    #[arg(long)]
    json: bool,
}

impl Rotate {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let server = AdminClient::connect(&context.common.data_dir)?;
        if self.finish {
            let reply = server.create("authority/rotation/finish", &json!({ "force": self.force }))?;
            return if self.json { print_line(&reply) } else { print_finished(&read_reply(&reply)?) };
        }
        if !self.ca && self.app.is_empty() {
            let reply = server.create("server-certificate", &json!({}))?;
            return if self.json { print_line(&reply) } else { print_server(&read_reply(&reply)?) };
        }
        if self.ca {
            let reply = server.create("authority/rotation", &self.files()?)?;
            if self.json { print_line(&reply)? } else { print_begun(&read_reply(&reply)?)? }
        }
        let apps = if self.app.is_empty() { all_apps(&server)? } else { self.app };
        for app in apps {
            let path = format!("apps/{}/renew-credentials", segment(&app));
            let reply = server.create(&path, &json!({ "onlyFormer": self.ca }));
            let reply = reply.with_context(|| format!("new certificates for the app {app}"))?;
            if self.json { print_line(&reply)? } else { print_renewed(&app, &read_reply(&reply)?)? }
        }
        Ok(())
    }

    /// The server reads them: by their absolute paths.
    fn files(&self) -> anyhow::Result<Value> {
        let absolute = |path: &Path| std::path::absolute(path).with_context(|| path.display().to_string());
        Ok(match (&self.ca_certificate, &self.ca_key) {
            (Some(certificate), Some(key)) => {
                json!({ "certificateFile": absolute(certificate)?, "keyFile": absolute(key)? })
            }
            _ => json!({}),
        })
    }
}

/// What to print.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The certificate authority, the server's certificate, and while the authority is being replaced who
still comes with a certificate of the former one.

Example:
  headwater credentials status --json | jq .rotation.former")]
pub(crate) struct Status {
    /// Print the server's JSON reply
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let reply = AdminClient::connect(&context.common.data_dir)?.read("authority")?;
        if self.json {
            return print_line(&reply);
        }
        let authority: AuthorityReply = read_reply(&reply)?;
        print_line(&format!("authority           {}, ends {}", authority.subject, date_time(authority.ends_ms)))?;
        let (serial, ends) = (authority.server_serial.unwrap_or_default(), authority.server_ends_ms);
        let ends = ends.map(|ends| format!("ends {}, renewed by itself", date_time(ends))).unwrap_or_default();
        print_line(&format!("server certificate  serial {serial}, {ends}"))?;
        if let Some(ends_ms) = authority.https_file_ends_ms {
            print_line(&format!("HTTPS certificate   from --https-cert, ends {}", date_time(ends_ms)))?;
        }
        match authority.rotation {
            None => print_line("the authority is not being replaced"),
            Some(rotation) => print_rotation(&rotation),
        }
    }
}

fn all_apps(server: &AdminClient) -> anyhow::Result<Vec<String>> {
    let apps: AppsReply = read_reply(&server.read("apps")?)?;
    Ok(apps.apps.into_iter().map(|app| app.name).collect())
}

fn print_server(authority: &AuthorityReply) -> anyhow::Result<()> {
    let (serial, ends) = (authority.server_serial.as_deref().unwrap_or_default(), authority.server_ends_ms);
    let ends = ends.map(date_time).unwrap_or_default();
    print_line(&format!("the server has a new certificate, serial {serial}, until {ends}; open connections stay"))
}

fn print_begun(authority: &AuthorityReply) -> anyhow::Result<()> {
    let next = authority.rotation.as_ref().map(|rotation| rotation.next_subject.as_str()).unwrap_or_default();
    print_line(&format!(
        "two authorities are trusted now: {} and the next one, {next}\ngive consumers their new files, then: headwater credentials rotate --finish",
        authority.subject
    ))
}

fn print_renewed(app: &str, reply: &RenewedReply) -> anyhow::Result<()> {
    for user in &reply.renewed {
        let ends = date_time(user.expires_ms);
        print_line(&format!("app {app}: new files for {}, serial {}, until {ends}", user.user, user.serial))?;
    }
    for user in &reply.elsewhere {
        print_line(&format!(
            "app {app}: the files of {user} are elsewhere: headwater credentials issue {user} --app {app} --out DIR"
        ))?;
    }
    Ok(())
}

fn print_finished(reply: &RotationFinishedReply) -> anyhow::Result<()> {
    print_line("the former authority is gone; the server has a certificate of the new one")?;
    let revoked: Vec<String> =
        reply.revoked.iter().map(|user| format!("{}@{} {}", user.user, user.app, user.serial)).collect();
    match revoked.as_slice() {
        [] => print_line("no certificate of the former one was left"),
        _ => print_line(&format!("refused from now on:\n  {}", revoked.join("\n  "))),
    }
}

fn print_rotation(rotation: &RotationReply) -> anyhow::Result<()> {
    let (next, ends) = (&rotation.next_subject, date_time(rotation.next_ends_ms));
    print_line(&format!("next authority      {next}, ends {ends}; trusted since {}\n", date_time(rotation.began_ms)))?;
    let row = |former: &FormerCertificateReply| {
        let seen = former.last_seen_ms.map(date_time).unwrap_or_else(|| "not since the start".to_owned());
        let (user, connections) = (&former.user, former.connections.to_string());
        let state = if former.needed { "NEEDED" } else { "changed over" };
        vec![user.user.clone(), user.app.clone(), user.serial.clone(), seen, connections, state.to_owned()]
    };
    let rows: Vec<Vec<String>> = rotation.former.iter().map(row).collect();
    let headings = ["user", "app", "serial", "last seen", "connections", "state"];
    print_table(&headings, &rows, "nobody has a certificate of the former authority")?;
    let needed = rotation.former.iter().filter(|former| former.needed).count();
    print_line(&match needed {
        0 => "\nto go on: headwater credentials rotate --finish".to_owned(),
        1 => "\n1 certificate of the former authority is needed still".to_owned(),
        needed => format!("\n{needed} certificates of the former authority are needed still"),
    })
}
