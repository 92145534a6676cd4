//! Which addresses are called.
//!
//! This machine and private networks are: that is where a company's own servers are. Never called are
//! link-local addresses (a cloud's metadata service is one), those of groups and of nobody, and what the
//! server itself listens on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Why the address is not called; `None` if it may be.
pub(crate) fn refused(address: SocketAddr, is_tls: bool, listeners: &[SocketAddr]) -> Option<&'static str> {
    let ip = meant(address.ip());
    let kind = kind_of(ip);
    if kind.is_some() {
        return kind;
    }
    if !is_tls && !ip.is_loopback() {
        return Some("is not on this machine: http goes to this machine only, everything else needs https");
    }
    let is_own = |listener: &SocketAddr| {
        let own = meant(listener.ip());
        listener.port() == address.port() && (own == ip || ip.is_loopback() && own.is_unspecified())
    };
    listeners.iter().any(is_own).then_some(OWN)
}

/// What is said of the server's own address.
pub(crate) const OWN: &str = "is where this server itself listens";

/// Whether a connection, once it is there, turns out to lead to one of the listeners: where the server
/// listens on every address, the machine's own are known by their both ends being one.
pub(crate) fn is_own(local: SocketAddr, peer: SocketAddr, listeners: &[SocketAddr]) -> bool {
    let is_here = meant(local.ip()) == meant(peer.ip());
    is_here && listeners.iter().any(|listener| listener.port() == peer.port() && listener.ip().is_unspecified())
}

fn kind_of(ip: IpAddr) -> Option<&'static str> {
    let (is_link_local, is_nobody) = match ip {
        IpAddr::V4(ip) => (ip.is_link_local(), ip.octets()[0] == 0 || ip == Ipv4Addr::BROADCAST),
        IpAddr::V6(ip) => (ip.is_unicast_link_local(), ip.is_unspecified()),
    };
    match () {
        () if is_link_local => Some("is a link-local address"),
        () if ip.is_multicast() => Some("is a multicast address"),
        () if is_nobody => Some("is nobody's address"),
        () => None,
    }
}

/// An IPv4 address that is written as one of IPv6 is what it is: mapped (RFC 4291, 2.5.5.2), or behind
/// NAT64's own prefix (RFC 6052).
fn meant(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(six) if six.octets()[..12] == NAT64_PREFIX.octets()[..12] => {
            let [.., a, b, c, d] = six.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        ip => ip,
    }
}

const NAT64_PREFIX: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);

#[cfg(test)]
mod tests {
    use super::*;

    fn told(address: &str, is_tls: bool) -> &'static str {
        let listeners = ["0.0.0.0:8080".parse().unwrap(), "10.0.0.5:9092".parse().unwrap()];
        refused(address.parse().unwrap(), is_tls, &listeners).unwrap_or("called")
    }

    #[test]
    fn nobody_and_no_neighbour_is_called_however_it_is_written() {
        let refused = [
            ("169.254.169.254:443", "link-local"),
            ("[fe80::1]:443", "link-local"),
            ("[::ffff:169.254.169.254]:443", "link-local"),
            ("[64:ff9b::a9fe:a9fe]:443", "link-local"),
            ("224.0.0.1:443", "multicast"),
            ("[ff02::1]:443", "multicast"),
            ("0.0.0.0:443", "nobody"),
            ("0.1.2.3:443", "nobody"),
            ("[::]:443", "nobody"),
            ("[::ffff:0.0.0.0]:443", "nobody"),
            ("255.255.255.255:443", "nobody"),
            ("127.0.0.1:8080", "itself listens"),
            ("127.0.0.9:8080", "itself listens"),
            ("[::1]:8080", "itself listens"),
            ("10.0.0.5:9092", "itself listens"),
        ];
        for (address, why) in refused {
            assert!(told(address, true).contains(why), "{address}: {}", told(address, true));
        }
        for address in ["127.0.0.1:443", "10.0.0.6:9092", "192.168.1.1:443", "[fd00::1]:443", "93.184.216.34:443"] {
            assert_eq!(told(address, true), "called");
        }
    }

    #[test]
    fn http_goes_to_this_machine_only() {
        assert_eq!(told("127.0.0.1:80", false), "called");
        assert_eq!(told("[::1]:80", false), "called");
        assert!(told("10.0.0.6:80", false).contains("needs https"));
    }

    #[test]
    fn a_connection_to_this_machine_is_known_by_its_ends() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let listeners = [at("0.0.0.0:8080")];
        assert!(is_own(at("10.0.0.5:40000"), at("10.0.0.5:8080"), &listeners));
        assert!(!is_own(at("10.0.0.5:40000"), at("10.0.0.6:8080"), &listeners));
        assert!(!is_own(at("10.0.0.5:40000"), at("10.0.0.5:8081"), &listeners));
    }
}
