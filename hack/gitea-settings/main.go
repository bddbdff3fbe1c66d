// SPDX-License-Identifier: Apache-2.0

// Command gitea-settings writes its environment variables into the app.ini of its argument, as Gitea's image does,
// reads that file as Gitea does, and prints the mail settings as JSON.
package main

import (
	"encoding/json"
	"log"
	"os"

	"code.gitea.io/gitea/modules/setting"
)

func main() {
	file := os.Args[1]
	written, err := setting.NewConfigProviderFromFile(file)
	if err != nil {
		log.Fatal(err)
	}
	setting.EnvironmentToConfig(written, os.Environ())
	if err := written.SaveTo(file); err != nil {
		log.Fatal(err)
	}
	setting.InitCfgProvider(file)
	setting.LoadSettingsForInstall()
	if err := json.NewEncoder(os.Stdout).Encode(setting.MailService); err != nil {
		log.Fatal(err)
	}
}
