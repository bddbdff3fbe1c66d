// SPDX-License-Identifier: Apache-2.0

// The peer of `make bench`: cert-manager's own controller for Issuers, with CA issuers only. It does what
// an SmtpConfig asks of smtp-operator, the mail left out: an object arrives, its Secret is read and
// checked, an Event and a status are written.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	"github.com/cert-manager/cert-manager/pkg/logs"
)

// What cert-manager's flag --concurrent-workers defaults to.
const workers = 5

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: issuer-peer KUBECONFIG")
		os.Exit(2)
	}
	logs.InitLogs()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "issuer-peer:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig string) error {
	// cert-manager itself lifts its limits where the API server has priority and fairness, as ours has;
	// should that ever change, they still must not be what is measured.
	factory, err := controller.NewContextFactory(ctx, controller.ContextOptions{
		Kubeconfig:         kubeconfig,
		KubernetesAPIQPS:   10_000,
		KubernetesAPIBurst: 10_000,
	})
	if err != nil {
		return err
	}
	peer, err := controller.Known()[issuers.ControllerName](factory)
	if err != nil {
		return err
	}
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.SharedInformerFactory.Start(ctx.Done())
	return peer.Run(workers, ctx)
}
