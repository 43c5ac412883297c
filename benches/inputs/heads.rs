//! Heads that benches read.

use gatepost::message::Limits;

/// Bounds that none of them reaches.
pub(crate) const LIMITS: Limits = Limits { bytes: 64 * 1024, fields: 100 };

/// A request of as few bytes as can be.
pub(crate) const SMALL: &str = "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n";

/// A request as browsers send it: fifteen fields.
pub(crate) const BROWSER: &str = concat!(
    "GET /catalogue/items?page=2&sort=price HTTP/1.1\r\n",
    "Host: www.example.com\r\n",
    "Connection: keep-alive\r\n",
    "Cache-Control: max-age=0\r\n",
    "sec-ch-ua: \"Browser\";v=\"120\", \"Engine\";v=\"120\", \"Not_A\";v=\"8\"\r\n",
    "sec-ch-ua-mobile: ?0\r\n",
    "sec-ch-ua-platform: \"Linux\"\r\n",
    "Upgrade-Insecure-Requests: 1\r\n",
    "User-Agent: Browser/5.0 (X11; Linux x86_64) Engine/537.36 (as others do) Browser/120.0.0.0 More/537.36\r\n",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n",
    "Sec-Fetch-Site: same-origin\r\n",
    "Sec-Fetch-Mode: navigate\r\n",
    "Sec-Fetch-Dest: document\r\n",
    "Referer: https://www.example.com/catalogue\r\n",
    "Accept-Encoding: gzip, deflate, br, zstd\r\n",
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\n",
    "\r\n",
);

/// An answer of eight fields.
pub(crate) const ANSWER: &str = concat!(
    "HTTP/1.1 200 OK\r\n",
    "Server: app\r\n",
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    "Content-Type: text/html; charset=utf-8\r\n",
    "Content-Length: 1234\r\n",
    "Connection: keep-alive\r\n",
    "Cache-Control: private, max-age=60\r\n",
    "Etag: \"0123456789abcdef\"\r\n",
    "Vary: Accept-Encoding\r\n",
    "\r\n",
);
