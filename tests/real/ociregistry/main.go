// Command ociregistry is a registry in memory for tests: CUE's ociserver, with flags for what registries may lack.
//
// It prints `listening HOST:PORT` once it takes connections, and a line for every request on standard error.
package main

import (
	"crypto/subtle"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
)

// version is put in by `make tools`: a digest of these sources, so that any change has it built anew.
var version = "unknown"

// counted is a request body that counts what was read of it.
type counted struct {
	io.ReadCloser
	size int64
}

func (body *counted) Read(buffer []byte) (int, error) {
	n, err := body.ReadCloser.Read(buffer)
	body.size += int64(n)
	return n, err
}

// recorder is an answer that remembers its status.
type recorder struct {
	http.ResponseWriter
	status int
}

func (answer *recorder) WriteHeader(status int) {
	answer.status = status
	answer.ResponseWriter.WriteHeader(status)
}

// logged writes method, target, status and the bytes read of the body.
func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body := &counted{ReadCloser: req.Body}
		answer := &recorder{ResponseWriter: w, status: http.StatusOK}
		req.Body = body
		next.ServeHTTP(answer, req)
		log.Printf("%s %s %d %d", req.Method, req.RequestURI, answer.status, body.size)
	})
}

// guarded lets nobody in without the user's password; an empty user lets everybody in.
func guarded(next http.Handler, user, password string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		givenUser, givenPassword, _ := req.BasicAuth()
		given, wanted := givenUser+":"+givenPassword, user+":"+password
		if user != "" && subtle.ConstantTimeCompare([]byte(given), []byte(wanted)) == 0 {
			w.Header().Set("WWW-Authenticate", `Basic realm="ociregistry"`)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
			return
		}
		next.ServeHTTP(w, req)
	})
}

func main() {
	var options ociserver.Options
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	user := flag.String("user", "", "user name of Basic authentication")
	password := flag.String("password", "", "password of Basic authentication")
	certificate := flag.String("cert", "", "certificate for TLS, PEM")
	key := flag.String("key", "", "key for TLS, PEM")
	showVersion := flag.Bool("version", false, "print the version and stop")
	flag.BoolVar(&options.DisableReferrersAPI, "no-referrers", false, "have no referrers API")
	flag.BoolVar(&options.DisableReferrersFiltering, "no-referrers-filter", false, "ignore the filter of referrers")
	flag.BoolVar(&options.OmitLinkHeaderFromResponses, "no-link", false, "leave out the Link header of lists")
	flag.BoolVar(&options.DisableSinglePostUpload, "no-single-post", false, "take no blob with a single POST")
	flag.Parse()
	if *showVersion {
		fmt.Println("ociregistry", version)
		return
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening", listener.Addr())
	handler := logged(guarded(ociserver.New(ocimem.New(), &options), *user, *password))
	if *certificate != "" {
		err = http.ServeTLS(listener, handler, *certificate, *key)
	} else {
		err = http.Serve(listener, handler)
	}
	log.Fatal(err)
}
