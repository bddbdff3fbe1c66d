// SPDX-License-Identifier: Apache-2.0

// A mail server based on go-smtp, for `make test-peers`. It has one user, accepts every email and drops it.
package main

import (
	"crypto/tls"
	"flag"
	"io"
	"log"
	"os"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

type backend struct{ user, password string }

func (b *backend) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &session{backend: b}, nil
}

type session struct {
	backend *backend
	login   bool
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.backend.user || password != s.backend.password {
			return smtp.ErrAuthFailed
		}
		s.login = true
		return nil
	}), nil
}

func (s *session) Mail(string, *smtp.MailOptions) error {
	if !s.login {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *session) Rcpt(string, *smtp.RcptOptions) error { return nil }

func (s *session) Data(content io.Reader) error {
	_, err := io.Copy(io.Discard, content)
	return err
}

func (s *session) Reset() {}

func (s *session) Logout() error { return nil }

func main() {
	plain := flag.String("listen", "", "address of the port with STARTTLS")
	secure := flag.String("listen-tls", "", "address of the port with TLS from the first byte")
	certificate := flag.String("certificate", "", "file with the certificate in PEM")
	key := flag.String("key", "", "file with the private key in PEM")
	user := flag.String("user", "", "username")
	insecure := flag.Bool("insecure-auth", false, "offer AUTH without TLS, for a frontend that ends TLS")
	flag.Parse()
	pair, err := tls.LoadX509KeyPair(*certificate, *key)
	if err != nil {
		log.Fatal(err)
	}
	server := smtp.NewServer(&backend{*user, os.Getenv("PASSWORD")})
	server.Domain = "mail.test.example"
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.ErrorLog = log.Default()
	server.AllowInsecureAuth = *insecure
	server.Addr = *plain
	go func() { log.Fatal(server.ListenAndServe()) }()
	listener, err := tls.Listen("tcp", *secure, server.TLSConfig)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve(listener))
}
