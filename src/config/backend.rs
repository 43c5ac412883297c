//! The address of an app: [`Backend`] by `FromStr`. What its name is, is told by the form alone.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde_json::{Value, json};

use super::file::Node;
use super::host::{address, name_of};
use super::problem::Invalid;
use super::read::{Decode, Reader, brief};
use super::schema::Definitions;
use super::suggest::nearest;
use super::{Backend, BackendName, BackendPort, BackendScheme};

/// Where clouds tell a machine's secrets to whoever asks from it, beside 169.254.169.254, which is link-local.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(std::net::Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(std::net::Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

impl Backend {
    /// Whether it is written as an address of the node itself: loopback, link-local, a cloud's metadata service, or
    /// the unspecified address. What a name resolves to is for whoever resolves it: [`is_local`].
    pub fn is_local_address(&self) -> bool {
        match &self.name {
            BackendName::Localhost => true,
            BackendName::Ip(ip) => is_local(*ip),
            BackendName::Outside(name) => name.ends_with(".localhost"),
            BackendName::Service { .. } => false,
        }
    }
}

/// Whether an address is in a loopback, link-local, metadata or unspecified range.
pub fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        ip if METADATA.contains(&ip) => true,
        // 0.0.0.0/8 is "this host on this network" (RFC 1122 3.2.1.3)
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local() || ip.octets()[0] == 0,
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unspecified() || ip.is_unicast_link_local() || {
                // 64:ff9b::/96 is IPv4 behind NAT64 (RFC 6052 2.1)
                let [.., high, low] = ip.segments();
                let [a, b] = high.to_be_bytes();
                let [c, d] = low.to_be_bytes();
                ip.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] && is_local(IpAddr::from([a, b, c, d]))
            }
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            BackendScheme::Http => {}
            BackendScheme::H2c => f.write_str("h2c://")?,
        }
        match &self.name {
            BackendName::Service { name, namespace: None } => f.write_str(name)?,
            // a name that ends in a number would be read as an address
            BackendName::Service { name, namespace: Some(namespace) } if namespace.bytes().all(is_digit) => {
                write!(f, "{name}.{namespace}.svc")?;
            }
            BackendName::Service { name, namespace: Some(namespace) } => write!(f, "{name}.{namespace}")?,
            BackendName::Outside(name) => write!(f, "{name}.")?,
            BackendName::Ip(IpAddr::V4(ip)) => write!(f, "{ip}")?,
            BackendName::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]")?,
            BackendName::Localhost => f.write_str("localhost")?,
        }
        match &self.port {
            BackendPort::Number(port) => write!(f, ":{port}"),
            BackendPort::Named(name) => write!(f, ":{name}"),
        }
    }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

impl FromStr for Backend {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Backend, Invalid> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme_of(scheme, rest)?, rest),
            None => (BackendScheme::Http, text),
        };
        if let Some((address, path)) = rest.split_once('/') {
            let hint = match path {
                "" => format!("write `{}`", brief(address)),
                path => format!("write `{}`, and `rewrite: {{prefix: /{}}}` beside it", brief(address), brief(path)),
            };
            return Err(Invalid::new("a backend has no path", hint));
        }
        if rest.contains('@') {
            return Err(Invalid::new("a backend has no user name", "leave out what stands before `@`"));
        }
        let (name, port) = name_and_port(rest)?;
        let name = kind_of(name)?;
        let port = port_of(port)?;
        if let (BackendPort::Named(port), false) = (&port, matches!(name, BackendName::Service { .. })) {
            let message = format!("only Services have ports with names like `{port}`");
            return Err(Invalid::new(message, "write the number of the port"));
        }
        Ok(Backend { scheme, name, port })
    }
}

impl Decode for Backend {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Backend> {
        let backend: Backend = reader.parsed(node)?;
        if reader.options.refuse_local_backends && backend.is_local_address() {
            let message = format!("`{backend}` is the node itself, which a ConfigMap cannot point at");
            reader.error(node.place, message, "name a Service, or start gatepost with --allow-local-backends");
            return None;
        }
        Some(backend)
    }

    fn schema(_: &mut Definitions) -> Value {
        let examples = ["my-app:8080", "my-app.my-namespace:http", "h2c://grpc-app:50051"];
        json!({"type": "string", "pattern": "^((http|h2c)://)?[^/@]+:[A-Za-z0-9-]+$", "examples": examples})
    }
}

fn scheme_of(scheme: &str, rest: &str) -> Result<BackendScheme, Invalid> {
    let hint = match scheme {
        "http" => return Ok(BackendScheme::Http),
        "h2c" => return Ok(BackendScheme::H2c),
        "https" => {
            let hint = "use `http` or `h2c`";
            return Err(Invalid::new("`https` backends are not available in this version", hint));
        }
        "grpc" | "h2" | "http2" => format!("write `h2c://{}`", brief(rest)),
        "ws" | "tcp" => format!("write `{}`: WebSockets pass by themselves", brief(rest)),
        other => match nearest(other, ["http", "h2c"]) {
            Some(right) => format!("did you mean `{right}`?"),
            None => "one of `http`, `h2c`".to_owned(),
        },
    };
    Err(Invalid::new(format!("there is no scheme `{}` for backends", brief(scheme)), hint))
}

fn name_and_port(text: &str) -> Result<(&str, &str), Invalid> {
    let missing = || {
        let name = if text.is_empty() { "my-app" } else { text };
        Invalid::new(
            format!("the backend `{}` has no port", brief(text)),
            format!("write `{}:80` with the port of the app", brief(name)),
        )
    };
    if text.matches(':').count() > 1 && !text.starts_with('[') {
        return Err(Invalid::new("an IPv6 address stands in brackets", "write it like `[fd00::7]:8080`"));
    }
    match text.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && !port.is_empty() && !port.ends_with(']') => Ok((name, port)),
        Some(("", port)) => Err(Invalid::new("the backend has no name", format!("write `my-app:{}`", brief(port)))),
        _ => Err(missing()),
    }
}

fn kind_of(text: &str) -> Result<BackendName, Invalid> {
    if let Some(ip) = address(text) {
        return Ok(BackendName::Ip(ip));
    }
    if text.contains('*') {
        return Err(Invalid::new("a backend is one name, without `*`", "name one Service"));
    }
    let name = name_of(text)?;
    if name == "localhost" {
        return Ok(BackendName::Localhost);
    }
    if text.ends_with('.') {
        return Ok(BackendName::Outside(name));
    }
    let labels: Vec<&str> = name.split('.').collect();
    let service = |name: &str, namespace: Option<&str>| {
        let label = [Some(name), namespace].into_iter().flatten().find(|label| label.contains('_'));
        match label {
            Some(label) => Err(Invalid::new(format!("`{label}` is no name in Kubernetes"), "they have `-`, not `_`")),
            None => Ok(BackendName::Service { name: name.to_owned(), namespace: namespace.map(str::to_owned) }),
        }
    };
    match labels[..] {
        [name] => service(name, None),
        [name, namespace] => service(name, Some(namespace)),
        [name, namespace, "svc"] | [name, namespace, "svc", "cluster", "local"] => service(name, Some(namespace)),
        [service, namespace, "svc", ..] => {
            let hint = format!("write `{service}.{namespace}`, or `{name}.` for a DNS name outside the cluster");
            Err(Invalid::new(format!("`{}` is no Service of this cluster", brief(&name)), hint))
        }
        ref labels if labels.contains(&"svc") => {
            let hint = format!("a Service is `name.namespace`; write `{name}.` for a DNS name outside the cluster");
            Err(Invalid::new(format!("`{}` is no Service", brief(&name)), hint))
        }
        _ => Ok(BackendName::Outside(name)),
    }
}

/// A number, or a name as RFC 6335 5.1 has it.
fn port_of(text: &str) -> Result<BackendPort, Invalid> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return match text.parse() {
            Ok(0) | Err(_) => {
                Err(Invalid::new(format!("there is no port {}", brief(text)), "ports go from 1 to 65535"))
            }
            Ok(port) => Ok(BackendPort::Number(port)),
        };
    }
    let good = text.len() <= 15
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && text.bytes().any(|b| b.is_ascii_lowercase())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--");
    if good {
        return Ok(BackendPort::Named(text.to_owned()));
    }
    let hint = "write its number, or its name in the Service: at most 15 of a-z, 0-9 and `-`";
    Err(Invalid::new(format!("`{}` is no port", brief(text)), hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, namespace: Option<&str>) -> BackendName {
        BackendName::Service { name: name.to_owned(), namespace: namespace.map(str::to_owned) }
    }

    #[test]
    fn what_a_name_is_is_told_by_its_form() {
        let outside = |name: &str| BackendName::Outside(name.to_owned());
        for (written, name) in [
            ("app:80", service("app", None)),
            ("APP:80", service("app", None)),
            ("app.shop:80", service("app", Some("shop"))),
            ("app.shop.svc:80", service("app", Some("shop"))),
            ("app.shop.svc.cluster.local:80", service("app", Some("shop"))),
            ("app.shop.svc.cluster.local.:80", outside("app.shop.svc.cluster.local")),
            ("example.com.:80", outside("example.com")),
            ("api.example.com:80", outside("api.example.com")),
            ("bücher.example.com:80", outside("xn--bcher-kva.example.com")),
            ("10.0.0.7:80", BackendName::Ip("10.0.0.7".parse().unwrap())),
            ("[fd00::7]:80", BackendName::Ip("fd00::7".parse().unwrap())),
            ("[::ffff:10.0.0.7]:80", BackendName::Ip("10.0.0.7".parse().unwrap())),
            ("localhost:80", BackendName::Localhost),
        ] {
            let port = BackendPort::Number(80);
            assert_eq!(written.parse(), Ok(Backend { scheme: BackendScheme::Http, name, port }), "{written}");
        }
    }

    #[test]
    fn scheme_and_port_are_read() {
        let backend: Backend = "h2c://app:grpc-web".parse().unwrap();
        let port = BackendPort::Named("grpc-web".to_owned());
        assert_eq!(backend, Backend { scheme: BackendScheme::H2c, name: service("app", None), port });
        assert_eq!("http://app:80".parse::<Backend>().unwrap().to_string(), "app:80");
    }

    #[test]
    fn what_is_no_backend_is_refused() {
        for written in [
            "",
            ":80",
            "app",
            "app:",
            "app:0",
            "app:65536",
            "app:-1",
            "app:HTTP",
            "app:80:80",
            "app:80/",
            "app:80/x",
            "http://app",
            "https://app:80",
            "ftp://app:80",
            "u@app:80",
            "*.app:80",
            "::1:80",
            "[::1]",
            "10.0.0.7:http",
            "localhost:http",
            "a.example.com:http",
            "a_b:80",
            "a.b.svc.example.com:80",
            "pod.app.shop.svc:80",
            "1.2.3:80",
            "a b:80",
        ] {
            assert!(written.parse::<Backend>().is_err(), "{written}");
        }
    }

    #[test]
    fn addresses_of_the_node_itself_are_known() {
        for written in [
            "localhost:1",
            "127.0.0.1:1",
            "127.9.9.9:1",
            "0.0.0.0:1",
            "169.254.169.254:1",
            "100.100.100.200:1",
            "[::1]:1",
            "[::]:1",
            "[fe80::1]:1",
            "[fd00:ec2::254]:1",
            "[::ffff:127.0.0.1]:1",
            "[64:ff9b::7f00:1]:1",
            "app.dev.localhost:1",
        ] {
            assert!(written.parse::<Backend>().unwrap().is_local_address(), "{written}");
        }
        for written in ["app:1", "10.0.0.7:1", "[fd00::7]:1", "api.example.com:1", "[64:ff9b::a00:7]:1", "192.0.0.1:1"]
        {
            assert!(!written.parse::<Backend>().unwrap().is_local_address(), "{written}");
        }
    }
}
