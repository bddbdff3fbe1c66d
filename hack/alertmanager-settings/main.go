// SPDX-License-Identifier: Apache-2.0

// Command alertmanager-settings reads a configuration file of Alertmanager, and prints the mail settings of its
// first receiver as JSON. The password is read as Alertmanager does it before each email.
package main

import (
	"encoding/json"
	"log"
	"os"
	"strings"

	"github.com/prometheus/alertmanager/config"
)

func main() {
	read, err := config.LoadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	email := read.Receivers[0].EmailConfigs[0]
	password, err := os.ReadFile(email.AuthPasswordFile)
	if err != nil {
		log.Fatal(err)
	}
	settings := map[string]any{
		"host":       email.Smarthost.Host,
		"port":       email.Smarthost.Port,
		"from":       email.From,
		"username":   email.AuthUsername,
		"password":   strings.TrimSpace(string(password)),
		"requireTls": *email.RequireTLS,
	}
	if err := json.NewEncoder(os.Stdout).Encode(settings); err != nil {
		log.Fatal(err)
	}
}
