// Command controlplane runs a whole Kubernetes control plane on 127.0.0.1 for the tests: an embedded
// etcd and, as child processes of this one binary, kube-apiserver, kube-controller-manager and
// kube-scheduler. It lives exactly as long as its standard input stays open.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

const (
	apiserverName   = "kube-apiserver"
	controllersName = "kube-controller-manager"
	schedulerName   = "kube-scheduler"
)

// The components register flags, metrics and signal handlers in globals of their process, so each
// one gets a process of its own.
var components = map[string]func() *cobra.Command{
	apiserverName:   apiserver.NewAPIServerCommand,
	controllersName: controllers.NewControllerManagerCommand,
	schedulerName:   func() *cobra.Command { return scheduler.NewSchedulerCommand() },
}

type repeated []string

func (r *repeated) String() string { return strings.Join(*r, " ") }

func (r *repeated) Set(value string) error {
	*r = append(*r, value)
	return nil
}

type settings struct {
	dir             string
	port            int
	startWithin     time.Duration
	apiserverFlags  repeated
	controllerFlags repeated
}

func main() {
	if len(os.Args) > 1 {
		if component, known := components[os.Args[1]]; known {
			command := component()
			command.SetArgs(os.Args[2:])
			exitOn(command.Execute())
			return
		}
	}
	var s settings
	flag.StringVar(&s.dir, "data-dir", "", "where certificates, kubeconfig, logs and etcd's data go (required)")
	flag.IntVar(&s.port, "port", 0, "port of the API server; 0 picks a free one")
	flag.DurationVar(&s.startWithin, "start-within", 90*time.Second, "give up when not ready by then")
	flag.Var(&s.apiserverFlags, "apiserver-flag", "a further kube-apiserver flag, such as --feature-gates=X=false; may be repeated")
	flag.Var(&s.controllerFlags, "controllers-flag", "a further kube-controller-manager flag; may be repeated")
	flag.Parse()
	if s.dir == "" {
		exitOn(fmt.Errorf("--data-dir is required"))
	}
	exitOn(run(s))
}

func run(s settings) error {
	// A child is killed when the thread that started it ends, so this one is kept for good.
	runtime.LockOSThread()
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return err
	}
	s.dir = dir
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	go func() {
		// The parent holds the other end: it closes when the parent ends, however it ends.
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if s.port == 0 {
		if s.port, err = freePort(); err != nil {
			return err
		}
	}
	server := fmt.Sprintf("https://127.0.0.1:%d", s.port)
	if err := writeCredentials(s.dir, server); err != nil {
		return err
	}
	etcd, err := startEtcd(s.dir)
	if err != nil {
		return err
	}
	defer etcd.Close()
	return supervise(ctx, s, etcd.Clients[0].Addr().String())
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
