//! The name of a Secret: [`SecretName`] by `FromStr`, as Kubernetes has names.

use std::str::FromStr;

use serde_json::{Value, json};

use super::SecretName;
use super::file::Node;
use super::problem::Invalid;
use super::read::{Decode, Reader, brief};
use super::schema::Definitions;

impl FromStr for SecretName {
    type Err = Invalid;

    /// `name` or `namespace/name`.
    fn from_str(text: &str) -> Result<SecretName, Invalid> {
        if is_pem(text) {
            // what is shown here ends in logs and Events
            let hint = "put it into a Secret (`kubectl create secret tls my-certificate …`) and write that name";
            return Err(Invalid::new("this is a certificate or a key itself, not the name of a Secret", hint));
        }
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text),
        };
        if name.contains('/') {
            let hint = "write `my-certificate` or `my-namespace/my-certificate`";
            return Err(Invalid::new(format!("`{}` has more than one `/`", brief(text)), hint));
        }
        if let Some(namespace) = namespace
            && !is_label(namespace)
        {
            return Err(unnamed("namespace", namespace, is_label));
        }
        if !is_subdomain(name) {
            return Err(unnamed("Secret", name, is_subdomain));
        }
        Ok(SecretName { namespace: namespace.map(str::to_owned), name: name.to_owned() })
    }
}

impl Decode for SecretName {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<SecretName> {
        reader.parsed(node)
    }

    fn schema(_: &mut Definitions) -> Value {
        let pattern = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-.a-z0-9]*[a-z0-9])?$";
        json!({"type": "string", "pattern": pattern, "examples": ["my-certificate", "my-namespace/my-certificate"]})
    }
}

/// Whether somebody wrote the thing itself where its name belongs.
pub(super) fn is_pem(text: &str) -> bool {
    text.contains("-----BEGIN")
}

fn unnamed(what: &str, text: &str, is_good: fn(&str) -> bool) -> Invalid {
    let lower = text.to_ascii_lowercase().replace(['_', ' '], "-");
    let near = lower.trim_matches(['-', '.']);
    let hint = if is_good(near) {
        format!("did you mean `{near}`?")
    } else {
        "names have a-z, 0-9 and `-`, and begin and end with a letter or digit".to_owned()
    };
    Invalid::new(format!("`{}` is no name of a {what} in Kubernetes", brief(text)), hint)
}

/// A DNS label as RFC 1123 2.1 has it: what namespaces are named by.
fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_part(text)
}

/// Labels with dots between them, 253 characters at most; Kubernetes does not bound each: what Secrets are named by.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_part)
}

fn is_part(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_name_with_or_without_its_namespace() {
        for (written, namespace, name) in [
            ("www-tls", None, "www-tls"),
            ("www.example.com", None, "www.example.com"),
            ("0", None, "0"),
            ("shop/www-tls", Some("shop"), "www-tls"),
        ] {
            let secret = SecretName { namespace: namespace.map(str::to_owned), name: name.to_owned() };
            assert_eq!((secret.to_string().as_str(), written.parse()), (written, Ok(secret)));
        }
        assert!("a".repeat(253).parse::<SecretName>().is_ok() && "a".repeat(254).parse::<SecretName>().is_err());
        assert!(format!("{}/x", "a".repeat(63)).parse::<SecretName>().is_ok());
        assert!(format!("{}/x", "a".repeat(64)).parse::<SecretName>().is_err());
    }

    #[test]
    fn what_is_no_secret_is_refused_with_the_name_that_was_meant() {
        let names = "names have a-z, 0-9 and `-`, and begin and end with a letter or digit";
        for (written, hint) in [
            ("My-Cert", "did you mean `my-cert`?"),
            ("my_cert", "did you mean `my-cert`?"),
            ("my cert", "did you mean `my-cert`?"),
            ("-cert.", "did you mean `cert`?"),
            ("Shop/cert", "did you mean `shop`?"),
            ("my.shop/cert", names),
            ("/cert", names),
            ("shop/", names),
            ("", names),
            ("a..b", names),
            ("zertifikät", names),
            ("a/b/c", "write `my-certificate` or `my-namespace/my-certificate`"),
        ] {
            let Err(Invalid { hint: told, .. }) = written.parse::<SecretName>() else { panic!("{written}") };
            assert_eq!(told.as_deref(), Some(hint), "{written}");
        }
    }

    #[test]
    fn a_key_in_place_of_a_name_is_not_repeated() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\n";
        let told = key.parse::<SecretName>().unwrap_err().to_string();
        assert!(!told.contains("MIGH"), "{told}");
    }
}
