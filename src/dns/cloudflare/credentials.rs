//! Who asks: [`Credentials`]. They go into headers and nowhere else.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::dns::Permission;

/// Bytes of a token, key or e-mail address at most. Tokens have 40 to 60 characters.
const MAX: usize = 1024;

const KEY: HeaderName = HeaderName::from_static("x-auth-key");
const EMAIL: HeaderName = HeaderName::from_static("x-auth-email");

/// A secret in memory, wiped when it goes.
type Secret = Zeroizing<String>;

/// An API token, or a global API key with the address of its user
/// (developers.cloudflare.com/fundamentals/api/get-started).
#[derive(Clone)]
pub struct Credentials(Kind);

#[derive(Clone)]
enum Kind {
    Token(Secret),
    /// Read for every call, so that a new one counts at once; the file may be a link that is changed as a whole.
    File(PathBuf),
    Key {
        key: Secret,
        email: String,
    },
    /// Read for every call too.
    Folder(PathBuf),
    Lacking(Permission),
}

/// The keys of the Secret `cloudflare`, which are files where it is mounted.
const TOKEN_KEY: &str = "api-token";
const KEY_KEY: &str = "api-key";
const EMAIL_KEY: &str = "email";

impl Credentials {
    /// From `CF_API_TOKEN`, `CF_API_TOKEN_FILE`, `CF_API_KEY` with `CF_API_EMAIL`, and `CF_SECRET_DIR`, a folder with files
    /// that are named like the keys of the Secret `cloudflare`; the first that is given. What is empty is not given.
    ///
    /// # Errors
    /// [`Permission::NoCredentials`], or [`Permission::Unusable`] for what cannot be sent.
    pub fn new(
        token: Option<String>,
        token_file: Option<PathBuf>,
        key: Option<String>,
        email: Option<String>,
        folder: Option<PathBuf>,
    ) -> Result<Credentials, Permission> {
        let given = |text: Option<String>| text.map(Secret::new).filter(|text| !text.trim().is_empty());
        let (token, key, email) = (given(token), given(key), given(email));
        let file = token_file.filter(|file| !file.as_os_str().is_empty());
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        let kind = match (token, file, key, email) {
            (Some(token), ..) => Kind::Token(usable("CF_API_TOKEN", &token)?),
            (None, Some(file), ..) => Kind::File(file),
            (None, None, Some(key), Some(email)) => {
                let email = usable("CF_API_EMAIL", &email)?.to_string();
                Kind::Key { key: usable("CF_API_KEY", &key)?, email }
            }
            (None, None, Some(_), None) => {
                return Err(Permission::Unusable("CF_API_KEY is set and CF_API_EMAIL is not".to_owned()));
            }
            // an address alone gives no right; the old Secret may well have it
            (None, None, None, _) => Kind::Folder(folder.ok_or(Permission::NoCredentials)?),
        };
        Ok(Credentials(kind))
    }

    /// An API token.
    ///
    /// # Errors
    /// [`Permission::Unusable`] for one that cannot be sent, [`Permission::NoCredentials`] for an empty one.
    pub fn token(token: &str) -> Result<Credentials, Permission> {
        Credentials::new(Some(token.to_owned()), None, None, None, None)
    }

    /// None, and why: whatever needs some is refused with that, and the process goes on.
    pub fn lacking(why: Permission) -> Credentials {
        Credentials(Kind::Lacking(why))
    }

    /// What a request carries.
    pub(super) fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, Permission> {
        match &self.0 {
            Kind::Token(token) => Ok(vec![(AUTHORIZATION, bearer(token)?)]),
            Kind::File(file) => {
                let source = format!("CF_API_TOKEN_FILE ({})", file.display());
                let text =
                    read(&source, file)?.ok_or_else(|| Permission::Unusable(format!("{source} is not there")))?;
                Ok(vec![(AUTHORIZATION, bearer(&usable(&source, &text)?)?)])
            }
            Kind::Folder(folder) => in_folder(folder),
            Kind::Key { key, email } => Ok(vec![(KEY, sensitive(key)?), (EMAIL, sensitive(email)?)]),
            Kind::Lacking(why) => Err(why.clone()),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Token(_) => f.write_str("Credentials(an API token)"),
            Kind::File(file) => write!(f, "Credentials(an API token in {})", file.display()),
            Kind::Key { .. } => f.write_str("Credentials(a global API key)"),
            Kind::Folder(folder) => write!(f, "Credentials(what is in {})", folder.display()),
            Kind::Lacking(why) => write!(f, "Credentials({why})"),
        }
    }
}

fn bearer(token: &str) -> Result<HeaderValue, Permission> {
    sensitive(&Zeroizing::new(format!("Bearer {token}")))
}

/// A value that is shown nowhere, and is not kept in tables of compression.
fn sensitive(text: &str) -> Result<HeaderValue, Permission> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Permission::Unusable("they have characters that cannot be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A token, or a key and whose it is. The Secret may be made, filled and emptied at any time.
fn in_folder(folder: &Path) -> Result<Vec<(HeaderName, HeaderValue)>, Permission> {
    let given = |key: &str| {
        let file = folder.join(key);
        let source = format!("CF_SECRET_DIR ({})", file.display());
        let text = read(&source, &file)?.filter(|text| !text.trim().is_empty());
        text.map(|text| usable(&source, &text)).transpose()
    };
    if let Some(token) = given(TOKEN_KEY)? {
        return Ok(vec![(AUTHORIZATION, bearer(&token)?)]);
    }
    match (given(KEY_KEY)?, given(EMAIL_KEY)?) {
        (Some(key), Some(email)) => Ok(vec![(KEY, sensitive(&key)?), (EMAIL, sensitive(&email)?)]),
        (Some(_), None) => {
            Err(Permission::Unusable(format!("the Secret `cloudflare` has the key {KEY_KEY} and not {EMAIL_KEY}")))
        }
        (None, _) => Err(Permission::NoCredentials),
    }
}

/// What a file holds; nothing when it is not there.
fn read(source: &str, file: &Path) -> Result<Option<Secret>, Permission> {
    let unreadable = |error: std::io::Error| Permission::Unusable(format!("{source}: {error}"));
    let mut text = Secret::new(String::with_capacity(MAX + 1));
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    opened.take(MAX as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    Ok(Some(text))
}

/// Without the newline that editors and `echo` leave at the end.
fn usable(source: &str, text: &str) -> Result<Secret, Permission> {
    let text = text.trim();
    let reason = if text.is_empty() {
        "is empty"
    } else if text.len() > MAX {
        "is longer than any token"
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        "has a blank, a line break or another character that no token has"
    } else {
        return Ok(Secret::new(text.to_owned()));
    };
    Err(Permission::Unusable(format!("{source} {reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(token: &str, file: &str, key: &str, email: &str) -> Result<Credentials, Permission> {
        let given = |text: &str| Some(text.to_owned());
        Credentials::new(given(token), Some(file.into()), given(key), given(email), None)
    }

    fn sent(credentials: &Credentials) -> String {
        let headers = credentials.headers().unwrap();
        assert!(headers.iter().all(|(_, value)| value.is_sensitive()));
        let text = headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        text.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn the_first_that_is_given_counts_and_what_is_empty_is_not_given() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "from-file\n").unwrap();
        let file = file.to_str().unwrap();
        for (given, headers) in [
            (("t", file, "k", "e@x"), "authorization: Bearer t"),
            (("t\n", "", "", ""), "authorization: Bearer t"),
            ((" ", file, "k", "e@x"), "authorization: Bearer from-file"),
            (("", "", "k", "e@x"), "x-auth-key: k, x-auth-email: e@x"),
        ] {
            let (token, file, key, email) = given;
            assert_eq!(sent(&new(token, file, key, email).unwrap()), headers, "{given:?}");
        }
        assert_eq!(new("", "", "", "").unwrap_err(), Permission::NoCredentials);
        assert_eq!(new("", "", "", "e@x").unwrap_err(), Permission::NoCredentials);
        let Permission::Unusable(told) = new("", "", "k", "").unwrap_err() else { panic!() };
        assert!(told.contains("CF_API_EMAIL"), "{told}");
    }

    #[test]
    fn a_file_is_read_again_and_what_cannot_be_sent_is_told_without_being_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let credentials = new("", file.to_str().unwrap(), "", "").unwrap();
        let told = |credentials: &Credentials| match credentials.headers().unwrap_err() {
            Permission::Unusable(told) => told,
            other => panic!("{other}"),
        };
        assert!(told(&credentials).contains("CF_API_TOKEN_FILE"));
        std::fs::write(&file, "one\n").unwrap();
        assert_eq!(sent(&credentials), "authorization: Bearer one");
        std::fs::write(&file, "two").unwrap();
        assert_eq!(sent(&credentials), "authorization: Bearer two");
        for (text, part) in [
            ("\n", "empty"),
            ("two\nlines", "line break"),
            ("sec\0ret", "character"),
            ("geheimnüs", "character"),
            (&"s".repeat(MAX + 1), "longer"),
        ] {
            std::fs::write(&file, text).unwrap();
            let told = told(&credentials);
            assert!(told.contains(part) && !told.contains("lines") && !told.contains("ret"), "{text:?}: {told}");
        }
        assert!(matches!(Credentials::token("se cret"), Err(Permission::Unusable(_))));
    }

    #[test]
    fn a_mounted_secret_is_read_for_every_call_and_its_token_wins() {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Credentials::new(None, None, None, None, Some(folder.path().to_owned())).unwrap();
        let write = |key: &str, text: &str| std::fs::write(folder.path().join(key), text).unwrap();
        // optional, and perhaps made later
        assert_eq!(mounted.headers().unwrap_err(), Permission::NoCredentials);
        write("email", "e@x\n");
        assert_eq!(mounted.headers().unwrap_err(), Permission::NoCredentials);
        write("api-key", "k\n");
        assert_eq!(sent(&mounted), "x-auth-key: k, x-auth-email: e@x");
        write("api-token", "t\n");
        assert_eq!(sent(&mounted), "authorization: Bearer t");
        // as placeholders are
        write("api-token", "\n");
        assert_eq!(sent(&mounted), "x-auth-key: k, x-auth-email: e@x");
        std::fs::remove_file(folder.path().join("email")).unwrap();
        let Permission::Unusable(told) = mounted.headers().unwrap_err() else { panic!() };
        assert!(told.contains("api-key and not email"), "{told}");
        write("api-token", "two words");
        assert!(matches!(mounted.headers(), Err(Permission::Unusable(_))));
        // what is said in so many words comes first
        let folder = Some(folder.path().to_owned());
        assert_eq!(
            sent(&Credentials::new(Some("t".into()), None, None, None, folder).unwrap()),
            "authorization: Bearer t"
        );
        assert!(Credentials::new(None, None, None, None, Some("".into())).is_err());
    }

    #[test]
    fn nobody_is_shown_a_secret() {
        let shown = [new("secret", "", "", ""), new("", "", "secret", "mail@example.com")].map(|it| format!("{it:?}"));
        assert!(shown.iter().all(|text| !text.contains("secret") && !text.contains("mail")), "{shown:?}");
    }
}
